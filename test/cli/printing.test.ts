import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { firstSteps, shellQuoted } from "../../src/cli/first-steps.ts";
import { openOutput } from "../../src/cli/output.ts";
import { grouped, humanBytes, openProgress, progressText } from "../../src/cli/progress.ts";
import { TlogError } from "../../src/errors.ts";
import { accessFrom, type WriteAccess } from "../../src/http/access.ts";

class Stream extends EventEmitter {
  text = "";
  isFull = false;
  readonly isTTY: boolean;
  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }
  write(chunk: string | Uint8Array): boolean {
    this.text += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
    return !this.isFull;
  }
}

describe("output", () => {
  it("prints text for people and JSON for programs", async () => {
    for (const isJson of [false, true]) {
      const stdout = new Stream();
      const stderr = new Stream();
      const output = openOutput({ stdout, stderr }, { isJson });
      await output.result({ text: "two\nlines", json: { a: 1 } });
      output.notice("mind");
      output.failure(new TlogError("USAGE", "want x"));
      expect(stdout.text).toBe(isJson ? '{"a":1}\n' : "two\nlines\n");
      expect(stderr.text).toBe(
        isJson
          ? '{"notice":"mind"}\n{"error":{"code":"USAGE","message":"want x","exitCode":2}}\n'
          : "note: mind\nerror: want x [USAGE]\n",
      );
    }
  });

  it.each([false, true])("lets nobody command the terminal (--json: %j)", async (isJson) => {
    const evil = "\x1b]0;owned\x07\u009b2J\u202etxt.exe\rVERIFIED\x7f";
    const stdout = new Stream();
    const stderr = new Stream();
    const output = openOutput({ stdout, stderr }, { isJson });
    await output.result({ text: `two\nlines ${evil}`, json: { evil } });
    output.notice(evil);
    output.failure(new TlogError("USAGE", evil));
    for (const { text } of [stdout, stderr]) expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
    if (isJson) expect(JSON.parse(stdout.text)).toEqual({ evil });
    else expect(stdout.text).toContain("two\nlines \\u001b]0;owned");
  });

  it("waits for a slow reader", async () => {
    const stdout = new Stream();
    stdout.isFull = true;
    const output = openOutput({ stdout, stderr: new Stream() }, { isJson: false });
    let isDone = false;
    const printed = output.bytes(Uint8Array.of(120)).then(() => {
      isDone = true;
    });
    await Promise.resolve();
    expect(isDone).toBe(false);
    stdout.emit("drain");
    await printed;
  });

  it("calls a bug a bug", () => {
    const stderr = new Stream();
    openOutput({ stdout: new Stream(), stderr }, { isJson: false }).failure(new RangeError("oops"));
    expect(stderr.text).toMatch(/bug[\s\S]*RangeError: oops/);
  });
});

describe("progress", () => {
  it("is drawn only where a person watches, and taken away before anything else is printed", async () => {
    for (const isTTY of [true, false]) {
      const stderr = new Stream(isTTY);
      const output = openOutput({ stdout: new Stream(), stderr }, { isJson: false });
      const progress = openProgress(output, { totalBytes: 100, now: () => 1000 });
      progress.advance({ entries: 1, bytes: 50 });
      output.notice("mind");
      progress.end();
      const drawn = "\r[############------------]  50%  1 entries  50 B\x1b[K";
      expect(stderr.text).toBe(isTTY ? `${drawn}\r\x1b[Knote: mind\n` : "note: mind\n");
    }
  });

  it("is not drawn with --json", () => {
    const stderr = new Stream(true);
    const output = openOutput({ stdout: new Stream(), stderr }, { isJson: true });
    openProgress(output, { totalBytes: 100, now: () => 1000 }).advance({ entries: 1, bytes: 50 });
    expect(stderr.text).toBe("");
  });

  it("is drawn at most ten times a second", () => {
    const stderr = new Stream(true);
    let nowMs = 0;
    const output = openOutput({ stdout: new Stream(), stderr }, { isJson: false });
    const progress = openProgress(output, { totalBytes: undefined, now: () => nowMs });
    for (; nowMs < 1000; nowMs += 10) progress.advance({ entries: nowMs, bytes: 0 });
    expect(stderr.text.split("\r").length - 1).toBe(10);
  });

  it("never shows more than all", () => {
    expect(progressText({ entries: 9, bytes: 200 }, { totalBytes: 100, elapsedMs: 1000 })).toBe(
      "[########################] 100%  9 entries  200 B  9/s",
    );
  });

  it("spells numbers for people", () => {
    expect(grouped(1234567)).toBe("1,234,567");
    expect([0, 1023, 1024, 38912345, 2 ** 50].map(humanBytes)).toEqual([
      "0 B",
      "1023 B",
      "1.0 KiB",
      "37.1 MiB",
      "1024.0 TiB",
    ]);
  });
});

describe("the commands to try next", () => {
  const vkey = "localhost/1c7f0a92+530d903a+AbCd/+=";
  const steps = (url: string, access: WriteAccess = { mode: "loopback" }) =>
    firstSteps({ invocation: ["npx", "bristlecone"], url, vkey, access });

  it("name the log only where it is not the usual one", () => {
    const usual = steps("http://127.0.0.1:6962");
    expect(usual[0]).toBe('echo "hello, log" > hello.txt && npx bristlecone add hello.txt');
    const other = steps("http://127.0.0.1:7000");
    expect(other[1]).toMatch(/--log http:\/\/127.0.0.1:7000$/);
    expect(other[2]).toContain(`--vkey ${vkey}`);
  });

  it("reach a log that listens everywhere, and say whom to trust where the machine does not", () => {
    const token = accessFrom({ mode: "token", tokens: [{ hash: "00".repeat(32) }] });
    const everywhere = steps("http://0.0.0.0:6962", token);
    expect(everywhere[0]).toMatch(/^export BRISTLECONE_TOKEN=/);
    expect(everywhere[1]).toMatch(/add hello.txt --vkey localhost/);
    expect(steps("http://[::]:7000", token)[2]).toContain("--log 'http://[::1]:7000' --vkey localhost");
    expect(steps("http://192.0.2.1:7000", token)[2]).toContain(
      "--log http://192.0.2.1:7000 --vkey localhost",
    );
    expect(steps("http://0.0.0.0:6962", { mode: "open" })[0]).toContain("add hello.txt --vkey");
  });

  it("begin with a token where nobody may write", () => {
    const none = steps("http://0.0.0.0:6962", accessFrom({ mode: "token", tokens: [] }));
    expect(none).toEqual(["npx bristlecone token new", expect.stringMatching(/^# .*serve .*--token-hash/)]);
  });

  it("quote the words of how the program is called", () => {
    const [first] = firstSteps({
      invocation: ["node", "/my programs/main.js"],
      url: "http://127.0.0.1:6962",
      vkey,
      access: { mode: "open" },
    });
    expect(first).toContain("node '/my programs/main.js' add");
  });

  it("quote what a shell would take apart", () => {
    expect(shellQuoted("example.com/it's")).toBe("'example.com/it'\\''s'");
    expect(shellQuoted("a$b")).toBe("'a$b'");
    expect(shellQuoted("")).toBe("''");
  });
});
