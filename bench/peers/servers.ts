/** The logs that are compared: the built one of this repository, and Tessera's over files, each in a process and a directory of its own. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { programPath } from "../../test/interop/programs.ts";
import type { Cores } from "../pinning.ts";
import { newFolder } from "../script.ts";
import { type BenchServer, freePort, PROGRAM, startServer } from "../servers.ts";

/** `stop` removes what it kept as well. */
export interface PeerServer extends BenchServer {
  readonly name: string;
  readonly vkey: string;
  /** All that it keeps. */
  readonly directory: string;
}

export interface PeerOptions {
  /** Directories are made in here: on a disk, not in memory. */
  readonly folder: string;
  readonly cores?: Cores | undefined;
  /** Put before the program and its arguments. */
  readonly prefix?: readonly string[];
}

/** `serve` as users run it: LMDB, every answer durable, exact duplicates. */
export function startOwnLog(options: PeerOptions): Promise<PeerServer> {
  return startPeer("bristlecone", options, ({ keyFile, directory, port }) => [
    process.execPath,
    PROGRAM,
    "serve",
    `--listen=127.0.0.1:${port}`,
    `--data=${join(directory, "data")}`,
    `--key=${keyFile}`,
    "--log-level=warn",
  ]);
}

/**
 * Tessera's conformance server over files: batches of 256 or a second, checkpoints every second, as its authors built it.
 * @param options.antispam - its duplicate detection on disk; without, it remembers the newest 262,144 entries in memory.
 */
export function startTessera({
  antispam,
  ...options
}: PeerOptions & { readonly antispam: boolean }): Promise<PeerServer> {
  const name = antispam ? "Tessera posix, antispam" : "Tessera posix";
  return startPeer(name, options, ({ keyFile, directory, port }) => [
    programPath("tessera-posix"),
    `--storage_dir=${join(directory, "data")}`,
    `--private_key=${keyFile}`,
    `--listen=127.0.0.1:${port}`,
    `--antispam=${antispam}`,
    "--logtostderr=false",
    `--log_file=${join(directory, "messages")}`,
  ]);
}

interface Place {
  readonly keyFile: string;
  readonly directory: string;
  readonly port: number;
}

async function startPeer(
  name: string,
  { folder, cores, prefix = [] }: PeerOptions,
  commandFor: (place: Place) => readonly string[],
): Promise<PeerServer> {
  const directory = newFolder(folder);
  const signingKey = formatSigningKey(await generateSigningKey({ name: "bench.test/log" }));
  const keyFile = join(directory, "key");
  await writeFile(keyFile, signingKey, { mode: 0o600 });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const command = [...prefix, ...commandFor({ keyFile, directory, port })];
  const server = await startServer(command, { url, path: "/checkpoint", cores });
  await untilPublished(url);
  return {
    ...server,
    name,
    vkey: formatVerifierKey((await openSigner(signingKey)).verifierKey),
    directory,
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true });
    },
  };
}

/** Tessera answers 404 until it has signed its first checkpoint. */
async function untilPublished(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const answer = await fetch(`${url}/checkpoint`);
    await answer.arrayBuffer();
    if (answer.ok) return;
    await pause(50);
  }
  throw new Error(`${url}: no checkpoint within 10 s`);
}
