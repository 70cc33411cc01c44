import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeUtf8 } from "../src/tlog/encoding.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../src/tlog/key.ts";
import type { Pinning } from "./pinning.ts";
import { newFolder } from "./script.ts";
import { type BenchServer, freePort, PROGRAM, startLog, startServer } from "./servers.ts";

export const WITNESSES = 3;
const QUORUM = 2;
/** The shortest there is: a checkpoint as soon as the one before is published. */
const NO_INTERVAL_MS = 1;

/** A log whose checkpoints need 2 of 3 witnesses, each a process of its own, asked over HTTP on loopback. */
export async function startWitnessedLog(pinning: Pinning): Promise<BenchServer> {
  const folder = newFolder();
  const running: BenchServer[] = [];
  const stopAll = async (): Promise<void> => {
    await Promise.all(running.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const signingKey = formatSigningKey(await generateSigningKey({ name: "bench.test/log" }));
    const vkey = formatVerifierKey((await openSigner(signingKey)).verifierKey);
    const [key, policy] = [join(folder, "log.key"), join(folder, "policy")];
    writeFileSync(key, signingKey, { mode: 0o600 });
    const lines = [`log ${vkey}`];
    const names = Array.from({ length: WITNESSES }, (_, index) => `w${index + 1}`);
    for (const name of names) {
      const witness = await startWitness(name, { folder, vkey, pinning });
      running.push(witness);
      lines.push(`witness ${name} ${await vkeyOf(witness.url)} ${witness.url}`);
    }
    lines.push(`group g ${QUORUM} ${names.join(" ")}`, "quorum g", "");
    writeFileSync(policy, encodeUtf8(lines.join("\n")));
    const flags = ["--key", key, "--policy", policy, "--checkpoint-interval", String(NO_INTERVAL_MS)];
    const log = await startLog({ cores: pinning.server, flags });
    running.unshift(log);
    return { ...log, stop: stopAll };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function startWitness(
  name: string,
  { folder, vkey, pinning }: { readonly folder: string; readonly vkey: string; readonly pinning: Pinning },
): Promise<BenchServer> {
  const port = await freePort();
  const data = join(folder, name);
  return await startServer(
    [
      process.execPath,
      PROGRAM,
      "witness",
      ...["--listen", `127.0.0.1:${port}`, "--data", data, "--name", `${name}.bench.test/${name}`],
      ...["--log", vkey, "--log-level", "warn"],
    ],
    { url: `http://127.0.0.1:${port}`, path: "/witness.json", cores: pinning.others },
  );
}

async function vkeyOf(url: string): Promise<string> {
  const text = await (await fetch(`${url}/witness.json`)).text();
  const vkey = /"([^"]+\+[0-9a-f]{8}\+B[A-Za-z0-9+/=]+)"/.exec(text)?.[1];
  if (vkey === undefined) throw new Error(`${url}/witness.json names no key: ${text.slice(0, 200)}`);
  return vkey;
}
