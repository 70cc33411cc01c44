/** A key that does not sign, one that signs elsewhere too, and what else a log depends on. */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { inject } from "vitest";
import { openSigner } from "../../src/server.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey } from "../../src/tlog/key.ts";
import { stopServe, temporaryDirectory } from "../cli/harness.ts";
import { Faults, shimmed } from "../faults/shim.ts";
import {
  add,
  ask,
  type Condition,
  diskShim,
  ending,
  lacksShim,
  pause,
  start,
  startWitness,
} from "./condition.ts";

const NOWHERE = "http://127.0.0.1:1/";
const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}\n`;

function lacksAgent(): string | undefined {
  return ["ssh-agent", "ssh-add", "ssh-keygen"].find((name) => !isProgram(name));
}

function isProgram(name: string): boolean {
  return (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, name)));
}

export const KEY_CONDITIONS: readonly Condition[] = [
  {
    name: "a log that does well",
    alerts: [],
    async cause(port) {
      const log = await start(port, ["--local-witnesses", "3"]);
      return { ...ending(log), again: () => add(log) };
    },
  },
  {
    name: "a second server that signs with the log's key, on a copy of its data",
    alerts: ["LogContradicted", "LogReadOnly"],
    async cause(port) {
      const [place, copy] = [temporaryDirectory(), temporaryDirectory()];
      const before = await start(0, [], place);
      await add(before, { count: 3 });
      await stopServe(before);
      cpSync(place, copy, { recursive: true });
      const other = await start(0, [], copy);
      const log = await start(port, ["--served-at", other.url], place);
      return { ...ending(log, other), again: () => add(other) };
    },
  },
  {
    name: "an ssh-agent that is gone",
    alerts: ["LogSignerFailing", "LogCannotSign"],
    lacks: lacksAgent,
    async cause(port) {
      const place = temporaryDirectory();
      const socket = join(place, "agent");
      const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
      while (!existsSync(socket)) await pause(20);
      const environment = { SSH_AUTH_SOCK: socket };
      const key = join(place, "key");
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
      execFileSync("ssh-add", ["-q", key], { env: { ...process.env, ...environment }, stdio: "ignore" });
      const [, fingerprint = ""] = String(execFileSync("ssh-keygen", ["-lf", key])).split(" ");
      const args = ["--key", `ssh-agent:${fingerprint}`, "--origin", "example.com/agent"];
      const log = await start(port, args, place, environment);
      agent.kill("SIGKILL");
      return { ...ending(log), again: () => add(log) };
    },
  },
  {
    name: "a witness whose clock is two hours ahead",
    alerts: ["LogWitnessClock"],
    isLong: true,
    lacks: lacksShim,
    async cause(port) {
      const place = temporaryDirectory();
      const key = await generateSigningKey({ name: "example.com/clocks" });
      const { verifierKey } = await openSigner(formatSigningKey(key));
      const vkey = formatVerifierKey(verifierKey);
      writeFileSync(join(place, "log.key"), `${formatSigningKey(key)}\n`, { mode: 0o600 });
      const faults = new Faults(place);
      faults.set("clock * 7200");
      const environment = shimmed(diskShim() ?? "", { DISK_ROOT: place, DISK_RULES: faults.path });
      const witness = await startWitness(["--log", vkey, "--name", "witness.example/ahead"], { environment });
      const lines = [`log ${vkey}`, `witness w1 ${witness.vkeys[0]} ${witness.url}`, "quorum w1"];
      writeFileSync(join(place, "policy"), `${lines.join("\n")}\n`);
      const log = await start(port, ["--key", "log.key", "--policy", "policy"], place);
      await add(log);
      return ending(log, witness);
    },
  },
  {
    name: "a receiver of webhooks that does not answer",
    alerts: ["LogWebhookFailing"],
    async cause(port) {
      const place = temporaryDirectory();
      const webhook = {
        name: "ci",
        url: NOWHERE,
        secretFile: "secret",
        events: "entries",
        network: "private",
      };
      writeFileSync(join(place, "webhooks.json"), JSON.stringify({ webhooks: [webhook] }));
      writeFileSync(join(place, "secret"), SECRET, { mode: 0o600 });
      const log = await start(port, ["--webhooks", "webhooks.json"], place);
      await add(log);
      return ending(log);
    },
  },
  {
    name: "as many connections as there are file descriptors",
    alerts: ["BristleconeFilesRunOut"],
    isLong: true,
    async cause(port) {
      const place = temporaryDirectory();
      const program = [process.execPath, join(inject("programs"), "main.js"), "serve"];
      const args = ["--listen", "127.0.0.1:0", "--admin-listen", String(port), "--json"];
      const limited = ["-c", 'ulimit -n 120; exec "$@"', "sh", ...program, ...args];
      const env = { PATH: process.env.PATH, HOME: place, XDG_STATE_HOME: join(place, "state") };
      const child = spawn("sh", limited, { cwd: place, env, stdio: ["ignore", "pipe", "ignore"] });
      const line = await new Promise<string>((found) =>
        child.stdout.once("data", (text) => found(String(text))),
      );
      const { url }: { readonly url: string } = JSON.parse(line);
      const open = new Set<Socket>(); // idle ones are closed by the log, and opened again
      const again = async () => {
        const missing = Math.max(0, 75 - open.size);
        for (let count = 0; count < missing; count++) {
          const socket = connect(Number(new URL(url).port), "127.0.0.1");
          open.add(socket);
          socket.on("error", () => undefined).on("close", () => open.delete(socket));
          socket.resume();
        }
        await ask(`${url}/checkpoint`);
      };
      return {
        again,
        end: () => {
          child.kill("SIGKILL");
          for (const socket of open) socket.destroy();
        },
      };
    },
  },
];
