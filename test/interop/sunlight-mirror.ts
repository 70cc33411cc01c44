/** Sunlight as a mirror (c2sp.org/tlog-mirror), fed by Tessera's mirror client and read through Skylight: a log's tiles from other people's disk. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeHex, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { freePort, programPath, type RunningProgram, run, runWell, start } from "./programs.ts";
import { SUNLIGHT_TABLE, sunlightOwnLog } from "./witness-programs.ts";

/** What `startSunlightMirror` runs; no package client gets these versions. */
export const SUNLIGHT_MIRROR_PROGRAMS = [
  "sunlight-head",
  "sunlight-keygen-head",
  "skylight-head",
  "mirror-hammer-head",
  "python3",
] as const;

const WITNESS = "mirror.test/witness";
const MIRROR = "mirror.test/mirror";

export interface SunlightMirror {
  /** Where its copy of the log is read: below it are checkpoint and tile. */
  readonly url: string;
  /** The mirror's key: it cosigns what it holds every entry of. */
  readonly vkey: string;
  output(): string;
  stop(): Promise<void>;
}

/** @param log.vkey - an ML-DSA-44 one: the only type of log key that Sunlight and Tessera's client both take. */
export async function startSunlightMirror(log: {
  readonly origin: string;
  readonly vkey: string;
  readonly url: string;
}): Promise<SunlightMirror> {
  const folder = await mkdtemp(join(tmpdir(), "bristlecone-mirror-"));
  const data = join(folder, "data");
  // Skylight looks for the second one when it starts.
  await mkdir(join(data, "mirror"), { recursive: true });
  const running: RunningProgram[] = [];
  const sunlight = await startSunlight(folder, log);
  running.push(sunlight.program);
  const readPort = await freePort();
  const config = join(folder, "skylight.yaml");
  const witnesses = [{ monitoringprefix: "https://127.0.0.1/read", localdirectory: data }];
  await writeFile(config, JSON.stringify({ listen: [`127.0.0.1:${readPort}`], witnesses }));
  const readUrl = `http://127.0.0.1:${readPort}`;
  running.push(await start(programPath("skylight-head"), ["-c", config], { url: `${readUrl}/health` }));
  const key = join(folder, "log.pub");
  await writeFile(key, log.vkey);
  running.push(
    await start(programPath("mirror-hammer-head"), [
      `--mirror_url=${sunlight.url}/`,
      `--source_log_url=${log.url}/`,
      `--source_log_public_key=${key}`,
      "--show_ui=false",
    ]),
  );
  return {
    url: `${readUrl}/read/mirror/${encodeHex(createHash("sha256").update(encodeUtf8(log.origin)).digest())}`,
    vkey: sunlight.vkey,
    output: () => running.map((program) => program.output()).join("\n"),
    async stop() {
      for (const program of running.reverse()) await program.stop();
      // Sunlight makes its files immutable where it may, and then nobody could remove them.
      await run("chattr", ["-R", "-f", "-i", folder]);
      await rm(folder, { recursive: true, force: true }).catch(() => {});
    },
  };
}

async function startSunlight(
  folder: string,
  { origin, vkey }: { readonly origin: string; readonly vkey: string },
): Promise<{ readonly url: string; readonly vkey: string; readonly program: RunningProgram }> {
  const path = (name: string): string => join(folder, name);
  await writeFile(path("seed"), randomBytes(32));
  const keygen = ["-f", path("seed"), "-witness", WITNESS, "-mirror", MIRROR];
  const printed = await runWell(programPath("sunlight-keygen-head"), keygen);
  await runWell("python3", ["-c", SUNLIGHT_TABLE, path("checkpoints.db")]);
  await writeFile(path("roots.pem"), "");
  await writeFile(path("logs.txt"), `logs/v0\n\nvkey ${vkey}\norigin ${origin}\n`);
  const port = await freePort();
  const witness = {
    name: WITNESS,
    mirrorname: MIRROR,
    // What it routes by.
    submissionprefix: "https://127.0.0.1",
    monitoringprefix: "https://127.0.0.1/read",
    secret: path("seed"),
    localdirectory: path("data"),
    mirrorloglists: [path("logs.txt")],
  };
  const checkpoints = path("checkpoints.db");
  const config = { listen: [`127.0.0.1:${port}`], checkpoints, witness, logs: [sunlightOwnLog(folder)] };
  await writeFile(path("sunlight.yaml"), JSON.stringify(config));
  const url = `http://127.0.0.1:${port}`;
  const program = await start(programPath("sunlight-head"), ["-c", path("sunlight.yaml")], {
    url: `${url}/health`,
  });
  const vkeys = printed.match(/\S+\+[0-9a-f]{8}\+\S+$/gm) ?? [];
  return { url, vkey: vkeys.find((text) => text.startsWith(`${MIRROR}+`)) ?? "", program };
}
