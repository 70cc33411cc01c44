/** Keys that others hold, from the command line: OpenSSH's agent, SoftHSM, and files that `age` opens. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import {
  type RunningServe,
  resultOf,
  startCli,
  startServe,
  stopServe,
  temporaryDirectory,
} from "../cli/harness.ts";

const MODULES = resolve("dist/holders/node_modules");
const SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so";
const hasAgent = isThere("ssh-agent");
const hasTokens = isThere("softhsm2-util") && existsSync(SOFTHSM) && existsSync(join(MODULES, "pkcs11js"));
const hasAge = isThere("age") && isThere("script");

const cwd = temporaryDirectory();

describe.skipIf(!hasAgent)("a key in OpenSSH's agent", () => {
  const socket = join(cwd, "agent");
  const environment = { SSH_AUTH_SOCK: socket };
  let agent: ChildProcess;
  let reference: string;

  beforeAll(async () => {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(cwd, "id")]);
    agent = await startAgent(socket);
    execFileSync("ssh-add", ["-q", join(cwd, "id")], { env: { ...process.env, ...environment } });
    const listed = execFileSync("ssh-keygen", ["-lf", join(cwd, "id.pub")]).toString();
    reference = `ssh-agent:${listed.split(" ")[1]}`;
  });

  afterAll(() => void agent.kill());

  it("signs a log that goes on where it stopped, and knows its name again", async () => {
    const serving = ["--key", reference, "--data", join(cwd, "log-a")];
    const unnamed = await cli(["serve", ...serving], environment);
    expect([unnamed.code, unnamed.stderr]).toEqual([2, expect.stringContaining("--origin")]);
    const log = await startServe(cwd, [...serving, "--origin", "agent.test/log"], environment);
    const shown = await cli(["keygen", "--of", reference, "--origin", "agent.test/log"], environment);
    expect(shown.stdout.trim()).toBe(log.vkey);
    await expectReceipt(log, "one");
    await stopServe(log);
    const again = await startServe(cwd, serving, environment);
    expect(again.vkey).toBe(log.vkey);
    await expectReceipt(again, "two");
    await stopServe(again);
  });

  it("is a witness's too, under another verifier key", async () => {
    const child = startCli(
      [
        "witness",
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--key",
        reference,
        "--name",
        "w.test/agent",
        "--recreate-guard",
      ],
      cwd,
      { environment },
    );
    const result = resultOf(child);
    const first = await new Promise<string>((found) =>
      child.stdout?.once("data", (line) => found(String(line))),
    );
    const { vkeys } = JSON.parse(first);
    child.kill("SIGINT");
    const shown = await cli(
      ["keygen", "--cosigner", "--of", reference, "--origin", "w.test/agent"],
      environment,
    );
    expect(vkeys).toEqual([shown.stdout.trim()]);
    expect((await result).code).toBe(0);
  });

  it("lets the log take entries while the agent is locked, and sign them afterwards", async () => {
    const log = await startServe(
      cwd,
      ["--key", reference, "--data", join(cwd, "log-b"), "--origin", "agent.test/b"],
      environment,
    );
    const logged = loggedBy(log);
    lock("-x");
    expect(await add(log, "while locked")).toBe(200);
    await expect.poll(logged, { timeout: 20_000 }).toContain("SIGNER_FAILED");
    lock("-X");
    await expect.poll(logged, { timeout: 20_000 }).toContain("the log's key signs again");
    await expectReceipt(log, "afterwards");
    await stopServe(log);
  });

  function lock(flag: "-x" | "-X"): void {
    // ssh-add asks for a password on a terminal, or of this program.
    const askpass = join(cwd, "askpass");
    writeFileSync(askpass, "#!/bin/sh\necho secret\n", { mode: 0o700 });
    const env = {
      ...process.env,
      ...environment,
      SSH_ASKPASS: askpass,
      SSH_ASKPASS_REQUIRE: "force",
      DISPLAY: ":0",
    };
    execFileSync("ssh-add", ["-q", flag], { env, stdio: "ignore" });
  }
});

describe.skipIf(!hasTokens)("a key in a PKCS#11 token", () => {
  const tokens = join(cwd, "tokens");
  const environment = { SOFTHSM2_CONF: join(cwd, "softhsm2.conf"), NODE_PATH: MODULES };
  const pin = join(cwd, "pin");
  const uri = `pkcs11:token=log;object=2026?module-path=${SOFTHSM}&pin-source=file:${pin}`;

  beforeAll(() => {
    mkdirSync(tokens);
    writeFileSync(
      environment.SOFTHSM2_CONF,
      `directories.tokendir = ${tokens}\nobjectstore.backend = file\n`,
    );
    writeFileSync(pin, "5678\n", { mode: 0o600 });
    const init = ["--init-token", "--free", "--label", "log", "--so-pin", "1234", "--pin", "5678"];
    execFileSync("softhsm2-util", init, { env: { ...process.env, ...environment } });
  });

  it("is made there once, and signs a log", async () => {
    const made = await cli(["keygen", "--out", uri, "--origin", "token.test/log"], environment);
    expect([made.code, made.stderr]).toEqual([0, ""]);
    const twice = await cli(["keygen", "--out", uri, "--origin", "token.test/log"], environment);
    expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining("KEY_FILE_EXISTS")]);
    const log = await startServe(
      cwd,
      ["--key", uri, "--data", join(cwd, "log-t"), "--origin", "token.test/log"],
      environment,
    );
    expect(log.vkey).toBe(made.stdout.trim());
    await expectReceipt(log, "one");
    await stopServe(log);
  });

  it.each([
    ["another PIN", uri.replace(pin, join(cwd, "wrong")), "PASSPHRASE_WRONG"],
    ["no PIN, and nobody to ask", uri.replace(/&pin.*/, ""), "PASSPHRASE_MISSING"],
    ["no such key", uri.replace("2026", "2027"), "KEY_UNKNOWN"],
    ["no such token", uri.replace("token=log", "token=other"), "KEY_UNKNOWN"],
    ["no module", uri.replace("libsofthsm2", "nothing"), "SIGNER_FAILED"],
  ])("is refused with %s", async (_what, wanted, code) => {
    writeFileSync(join(cwd, "wrong"), "9999\n", { mode: 0o600 });
    const { code: exit, stderr } = await cli(["keygen", "--of", wanted, "--origin", "a"], environment);
    expect([exit, stderr]).toEqual([2, expect.stringContaining(`[${code}]`)]);
    expect(stderr).not.toMatch(/5678|9999/);
  });

  it("may lose its module's process, or be taken away: the log goes on, and signs when it is back", async () => {
    const log = await startServe(
      cwd,
      ["--key", uri, "--data", join(cwd, "log-u"), "--origin", "token.test/u"],
      environment,
    );
    const logged = loggedBy(log);
    process.kill(moduleOf(log), "SIGKILL");
    await expectReceipt(log, "after the process died");
    process.kill(moduleOf(log), "SIGKILL");
    renameSync(tokens, `${tokens}.away`);
    expect(await add(log, "while it is away")).toBe(200);
    await expect.poll(logged, { timeout: 20_000 }).toContain("SIGNER_FAILED");
    renameSync(`${tokens}.away`, tokens);
    await expect.poll(logged, { timeout: 40_000 }).toContain("the log's key signs again");
    await expectReceipt(log, "when it is back");
    const module = moduleOf(log);
    log.child.kill("SIGKILL");
    await log.result;
    await expect.poll(() => existsSync(`/proc/${module}`), { timeout: 10_000 }).toBe(false);
  });
});

describe.skipIf(!hasAge)("an encrypted key file", () => {
  const key = join(cwd, "log.key");
  const passphraseFile = join(cwd, "passphrase");

  it("is opened by age, and by what is typed on the terminal", async () => {
    writeFileSync(passphraseFile, "correct horse\n", { mode: 0o600 });
    const made = await cli([
      "keygen",
      "--out",
      key,
      "--encrypt",
      "--passphrase-file",
      passphraseFile,
      "--origin",
      "age.test/log",
    ]);
    expect(made.code).toBe(0);
    expect(typed(`age -d ${key}`)).toContain("PRIVATE+KEY+age.test/log+");
    const main = join(inject("programs"), "main.js");
    expect(typed(`${process.execPath} ${main} keygen --of ${key}`)).toContain(made.stdout.trim());
    expect(typed(`${process.execPath} ${main} keygen --of ${key}`, "wrong\n")).toContain(
      "[PASSPHRASE_WRONG]",
    );
    const unasked = await cli(["keygen", "--of", key]);
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining("[PASSPHRASE_MISSING]")]);
  });

  it("is read that age made, and starts a log with a credential of the service", async () => {
    const plain = join(cwd, "plain.key");
    const made = await cli(["keygen", "--out", plain, "--origin", "age.test/2"]);
    const encrypted = join(cwd, "age.key");
    typed(`age -p -o ${encrypted} ${plain}; chmod 600 ${encrypted}`, "correct horse\ncorrect horse\n");
    const credentials = join(cwd, "credentials");
    mkdirSync(credentials);
    writeFileSync(join(credentials, "bristlecone.passphrase"), "correct horse", { mode: 0o440 });
    const log = await startServe(cwd, ["--key", encrypted, "--data", join(cwd, "log-e")], {
      CREDENTIALS_DIRECTORY: credentials,
    });
    expect(log.vkey).toBe(made.stdout.trim());
    await stopServe(log);
  });

  it("takes the place of another with another passphrase, and both sign", async () => {
    const [one, two] = [join(cwd, "one.passphrase"), join(cwd, "two.passphrase")];
    writeFileSync(one, "one\n", { mode: 0o600 });
    writeFileSync(two, "two\n", { mode: 0o600 });
    const [old, next, data] = [join(cwd, "old.key"), join(cwd, "next.key"), join(cwd, "log-f")];
    for (const [out, file] of [
      [old, one],
      [next, two],
    ] as const) {
      const made = ["keygen", "--out", out, "--encrypt", "--passphrase-file", file, "--origin", "age.test/3"];
      expect((await cli(made)).code).toBe(0);
    }
    const before = await startServe(cwd, ["--data", data, "--key", old, "--passphrase-file", one]);
    await expectReceipt(before, "one");
    await stopServe(before);
    const rotate = ["rotate", "age.test/3", "--data", data, "--key", old, "--passphrase-file", one];
    const changed = await cli([...rotate, "--new-key", next, "--new-passphrase-file", two]);
    expect(changed).toMatchObject({ code: 0, stdout: expect.stringContaining("KEYS CHANGED") });
    const [, flags = ""] = /Start serve as before, with (.+): then both sign/.exec(changed.stdout) ?? [];
    expect(flags).toContain("--former-passphrase-file");
    const log = await startServe(cwd, ["--data", data, ...flags.split(" ")]);
    await expectReceipt(log, "two");
    const lines = (await (await fetch(`${log.url}/checkpoint`)).text()).split("\n— age.test/3 ");
    expect(lines).toHaveLength(3);
    await stopServe(log);
  });

  function typed(command: string, text = "correct horse\n"): string {
    return spawnSync("script", ["-qec", command, "/dev/null"], { input: text, cwd }).stdout.toString();
  }
});

async function cli(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  return await resultOf(startCli(args, cwd, { environment }));
}

async function add({ url }: RunningServe, text: string): Promise<number> {
  return (await fetch(`${url}/add`, { method: "POST", body: text })).status;
}

/** A receipt comes only after a checkpoint, signed by whoever holds the key. */
async function expectReceipt({ url, vkey }: RunningServe, text: string): Promise<void> {
  const answer = await fetch(`${url}/add`, {
    method: "POST",
    body: text,
    headers: { Accept: "text/x.tlog.proof", Prefer: "wait=30" },
  });
  expect(answer.status).toBe(200);
  const receipt = join(cwd, `${text.replaceAll(" ", "-")}.tlog-proof`);
  writeFileSync(receipt, await answer.text());
  writeFileSync(join(cwd, "entry"), text);
  const { code, stderr } = await cli(["verify", receipt, "--entry", join(cwd, "entry"), "--vkey", vkey]);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
}

function loggedBy({ child }: RunningServe): () => string {
  let text = "";
  child.stderr?.on("data", (chunk) => {
    text += chunk;
  });
  return () => text;
}

/** The process that speaks to the module: the log's only child. */
function moduleOf({ child }: RunningServe): number {
  const children = readdirSync(`/proc/${child.pid}/task`).flatMap((task) =>
    execFileSync("cat", [`/proc/${child.pid}/task/${task}/children`])
      .toString()
      .trim()
      .split(" "),
  );
  return Number(children.find((pid) => pid !== ""));
}

async function startAgent(socket: string): Promise<ChildProcess> {
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  await vi.waitFor(() => statSync(socket), { timeout: 10_000 });
  return agent;
}

function isThere(program: string): boolean {
  return spawnSync("which", [program]).status === 0;
}
