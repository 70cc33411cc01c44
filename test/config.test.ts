import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { invocation, openConfig, stateDirectory } from "../src/config.ts";
import { environmentName, flagName, SETTINGS } from "../src/settings.ts";
import { expectCode } from "./expect-code.ts";

const directory = mkdtempSync(join(tmpdir(), "bristlecone-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function configFile(content: unknown): string {
  files += 1;
  const path = join(directory, `settings-${files}.json`);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("precedence", () => {
  it("takes a flag before the environment, the environment before the file, the file before the default", () => {
    const file = configFile({ data: "from-file" });
    const environment = { BRISTLECONE_DATA: "from-environment" };
    expect(openConfig({ flags: { data: "from-flag" }, environment, configFile: file }).value("data")).toBe(
      "from-flag",
    );
    expect(openConfig({ flags: {}, environment, configFile: file }).value("data")).toBe("from-environment");
    expect(openConfig({ flags: {}, environment: {}, configFile: file }).value("data")).toBe("from-file");
    expect(openConfig({ flags: {}, environment: {} }).value("data")).toBe("./data");
  });

  it("counts an empty environment variable as not set", () => {
    expect(openConfig({ flags: {}, environment: { BRISTLECONE_DATA: "" } }).value("data")).toBe("./data");
  });

  it("finds the file by BRISTLECONE_CONFIG", () => {
    const environment = { BRISTLECONE_CONFIG: configFile({ origin: "example.com/log" }) };
    expect(openConfig({ flags: {}, environment }).value("origin")).toBe("example.com/log");
  });

  it("keeps a dangerous switch out of the environment, and a secret out of the flags", () => {
    const environment = { BRISTLECONE_RECREATE_GUARD: "true", BRISTLECONE_TOKEN: "right" };
    const config = openConfig({ flags: { token: "wrong" }, environment });
    expect(config.value("recreateGuard")).toBe(false);
    expect(config.value("token")).toBe("right");
  });
});

describe("values", () => {
  const read = (environment: Record<string, string>) => openConfig({ flags: {}, environment });

  it.each([
    ["127.0.0.1:0", { host: "127.0.0.1", port: 0 }],
    ["localhost:65535", { host: "localhost", port: 65_535 }],
    ["[::1]:6962", { host: "::1", port: 6962 }],
  ])("reads the address %s", (text, address) => {
    expect(read({ BRISTLECONE_LISTEN: text }).value("listen")).toEqual(address);
  });

  it.each([
    "6962",
    ":6962",
    "localhost",
    "localhost:",
    "localhost:65536",
    "localhost:01",
    "::1:6962",
    "a b:1",
  ])("refuses the address %s", (text) => {
    expectCode(() => read({ BRISTLECONE_LISTEN: text }).value("listen"), "CONFIG_INVALID");
  });

  it.each(["0", "-1", "1.5", "01", "1e3", "ten", "9007199254740992"])("refuses the count %s", (text) => {
    expectCode(
      () => read({ BRISTLECONE_MAX_BATCH_ENTRIES: text }).value("maxBatchEntries"),
      "CONFIG_INVALID",
    );
  });

  it("reads numbers and switches from text and from JSON", () => {
    expect(read({ BRISTLECONE_CHECKPOINT_INTERVAL: "250" }).value("checkpointInterval")).toBe(250);
    const file = configFile({ checkpointInterval: 250, openWrites: true, memory: false });
    const config = openConfig({ flags: {}, environment: {}, configFile: file });
    expect(config.value("checkpointInterval")).toBe(250);
    expect(config.value("openWrites")).toBe(true);
    expect(config.value("memory")).toBe(false);
  });

  it("reads a list from commas, from JSON and from repeated flags", () => {
    const hashes = ["0".repeat(64), "a".repeat(64)];
    expect(read({ BRISTLECONE_TOKEN_HASH: hashes.join(",") }).value("tokenHash")).toEqual(hashes);
    const file = configFile({ tokenHash: hashes });
    expect(openConfig({ flags: {}, environment: {}, configFile: file }).value("tokenHash")).toEqual(hashes);
    expect(openConfig({ flags: { tokenHash: hashes }, environment: {} }).value("tokenHash")).toEqual(hashes);
  });

  it("tells no list of token hashes from an empty one: then nobody may write", () => {
    expect(read({}).value("tokenHash")).toBe(undefined);
    const file = configFile({ tokenHash: [] });
    expect(openConfig({ flags: {}, environment: {}, configFile: file }).value("tokenHash")).toEqual([]);
  });

  it.each(["two words", "a\nb", "", " x", "x\u00e9"])("refuses the token %j without printing it", (token) => {
    if (token === "") return expect(read({ BRISTLECONE_TOKEN: token }).value("token")).toBe(undefined);
    const { message } = expectCode(() => read({ BRISTLECONE_TOKEN: token }).value("token"), "CONFIG_INVALID");
    expect(message).toBe("BRISTLECONE_TOKEN: want one write token and nothing else");
  });

  it.each(["tokenHash", "tokens", "tokenFile"] as const)(
    "refuses a token as %s without printing it",
    (name) => {
      const config = openConfig({ flags: { [name]: { of: ["bristlecone_secret"] } }, environment: {} });
      expect(expectCode(() => config.value(name), "CONFIG_INVALID").message).not.toContain("secret");
    },
  );

  it.each([
    ["checkpointInterval", "86400001"],
    ["timeout", "86401"],
  ] as const)("keeps %s to what a timer can wait", (name, text) => {
    expectCode(() => openConfig({ flags: { [name]: text }, environment: {} }).value(name), "CONFIG_INVALID");
  });

  it("has a default that is good for every setting", () => {
    const config = openConfig({ flags: {}, environment: {} });
    for (const name of Object.keys(SETTINGS)) {
      expect(() => config.value(name as keyof typeof SETTINGS)).not.toThrow();
    }
  });
});

describe("a choice between settings", () => {
  const choose = (flags: Record<string, unknown>, environment: Record<string, string>, content: unknown) =>
    openConfig({ flags, environment, configFile: configFile(content) }).choice(["vkey", "policy"]);

  it("is decided by the nearest source, as the value of one setting is", () => {
    expect(choose({}, {}, {})).toBe(undefined);
    expect(choose({}, {}, { policy: "p" })).toBe("policy");
    expect(choose({}, { BRISTLECONE_VKEY: "v" }, { policy: "p" })).toBe("vkey");
    expect(choose({ policy: "p" }, { BRISTLECONE_VKEY: "v" }, { vkey: "v" })).toBe("policy");
  });

  it("is an error when one source makes two", () => {
    const environment = { BRISTLECONE_VKEY: "v", BRISTLECONE_POLICY: "p" };
    expectCode(() => choose({}, environment, {}), "CONFIG_INVALID");
    expectCode(() => choose({}, {}, { vkey: "v", policy: "p" }), "CONFIG_INVALID");
  });
});

describe("a configuration file nobody named", () => {
  it.each(["log", "vkey", "policy", "tokenFile", "state", "memory"])(
    "does not say whom to trust or where to send what: %s",
    (name) => {
      const implicit = join(directory, "bristlecone.json");
      writeFileSync(implicit, JSON.stringify({ [name]: name === "memory" ? false : "x" }));
      const sources = { flags: {}, environment: {}, directory };
      const { message } = expectCode(() => openConfig(sources), "CONFIG_INVALID");
      expect(message).toContain("--config");
      expect(() => openConfig({ ...sources, configFile: implicit })).not.toThrow();
      const environment = { BRISTLECONE_CONFIG: implicit };
      expect(() => openConfig({ ...sources, environment })).not.toThrow();
    },
  );

  it("says how to run a log", () => {
    writeFileSync(join(directory, "bristlecone.json"), JSON.stringify({ data: "here" }));
    expect(openConfig({ flags: {}, environment: {}, directory }).value("data")).toBe("here");
  });
});

describe("mistakes", () => {
  it("names the flag, the variable or the file's key, and what was wanted", () => {
    const bad = "nowhere";
    const want = /want HOST:PORT .*got "nowhere"/;
    const file = configFile({ listen: bad });
    const message = (sources: Parameters<typeof openConfig>[0]) =>
      expectCode(() => openConfig(sources).value("listen"), "CONFIG_INVALID").message;
    expect(message({ flags: { listen: bad }, environment: {} })).toMatch(/^--listen: /);
    expect(message({ flags: {}, environment: { BRISTLECONE_LISTEN: bad } })).toMatch(/^BRISTLECONE_LISTEN: /);
    expect(message({ flags: {}, environment: {}, configFile: file })).toContain(`"listen" in ${file}`);
    expect(message({ flags: { listen: bad }, environment: {} })).toMatch(want);
  });

  it.each([
    ["an unknown key", { lisen: "127.0.0.1:1" }, /unknown key "lisen"; known: .*listen/],
    ["a key of Object.prototype", '{"constructor": 1}', /unknown key "constructor"/],
    ["an array", [], /want one JSON object/],
    ["broken JSON", '{"listen":', /want JSON/],
    ["a switch that must be typed", { recreateGuard: true }, /want --recreate-guard/],
    ["a secret", { token: "x" }, /want BRISTLECONE_TOKEN/],
  ])("refuses a file with %s", (_what, content, message) => {
    const file = configFile(content);
    expect(
      expectCode(() => openConfig({ flags: {}, environment: {}, configFile: file }), "CONFIG_INVALID")
        .message,
    ).toMatch(message);
  });

  it("never prints a token", () => {
    const environment = { BRISTLECONE_TOKEN_FILE: "x" };
    const file = expectCode(
      () => openConfig({ flags: { vkey: 7 }, environment }).value("vkey"),
      "CONFIG_INVALID",
    );
    expect(file.message).not.toContain("token");
  });

  it("refuses a file that was asked for and is not there", () => {
    expectCode(
      () => openConfig({ flags: {}, environment: {}, configFile: "/nowhere/x.json" }),
      "FILE_UNREADABLE",
    );
  });
});

it("spells flags and variables from one name", () => {
  expect(flagName("checkpointInterval")).toBe("--checkpoint-interval");
  expect(flagName("memory")).toBe("--no-memory");
  expect(environmentName("checkpointInterval")).toBe("BRISTLECONE_CHECKPOINT_INTERVAL");
});

it("remembers heads in the XDG state directory unless told otherwise", () => {
  expect(stateDirectory("here", {})).toBe("here");
  expect(stateDirectory(undefined, { XDG_STATE_HOME: "/state" })).toBe("/state/bristlecone");
  expect(stateDirectory(undefined, {})).toMatch(/\.local\/state\/bristlecone$/);
});

it("prints commands that work where they are pasted", () => {
  const program = (script: string, execArgv: string[] = []) => ({
    argv: ["node", script],
    execArgv,
    cwd: () => "/clone",
  });
  expect(invocation({}, program("/usr/bin/bristlecone"))).toEqual(["bristlecone"]);
  const npx = { npm_command: "exec" };
  expect(invocation(npx, program("/app/node_modules/.bin/bristlecone"))).toEqual(["npx", "bristlecone"]);
  const start = { npm_command: "start" };
  expect(invocation(start, program("/clone/dist/bin/main.js"))).toEqual(["npx", "bristlecone"]);
  expect(invocation({}, program("/clone/dist/bin/main.js"))).toEqual(["node", "dist/bin/main.js"]);
  expect(invocation({}, program("/other/main.js", ["--x"]))).toEqual(["node", "--x", "/other/main.js"]);
});
