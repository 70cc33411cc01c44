/** Other people's witnesses, each with keys and a database of its own in a new folder, cosigning for the logs it is given. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCosignerKey } from "../../src/tlog/cosigner.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey } from "../../src/tlog/key.ts";
import { freePort, programPath, runWell, start } from "./programs.ts";

export interface PeerLog {
  readonly origin: string;
  readonly vkey: string;
}

export interface PeerWitness {
  readonly name: string;
  /** The Ed25519 one first. */
  readonly vkeys: readonly string[];
  readonly url: string;
  /** Where it writes what it shows of its logs, for a web server to serve. */
  readonly shownFolder?: string;
  readonly pid: number;
  output(): string;
  stop(): Promise<void>;
}

/** transparency-dev's omniwitness, over SQLite; with an ML-DSA-44 key too. Its keys are files as `bristlecone keygen` writes them. */
export async function startOmniwitness(
  logs: readonly PeerLog[],
  {
    name = "w1.test/omni",
    types = [1, 6],
  }: { readonly name?: string; readonly types?: readonly (1 | 6)[] } = {},
): Promise<PeerWitness> {
  const folder = await newFolder();
  const keyFlags: string[] = [];
  const vkeys: string[] = [];
  for (const type of types) {
    const key = await generateSigningKey({ name, type });
    // A key of type 0x01 cosigns there, as type 0x04.
    const cosigner = await openCosignerKey(formatSigningKey(key));
    vkeys.push(formatVerifierKey(cosigner.verifierKey));
    const file = join(folder, `key-${type}`);
    await writeFile(file, formatSigningKey(key));
    keyFlags.push(`--private_key_path=${file}`);
  }
  const list = join(folder, "logs.yaml");
  await writeFile(list, omniwitnessList(logs));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const program = await start(
    programPath("omniwitness"),
    [
      `--listen=127.0.0.1:${port}`,
      "--metrics_listen=",
      `--db_file=${join(folder, "w.db")}`,
      `--additional_logs=${list}`,
      "--logtostderr",
      ...keyFlags,
    ],
    { url },
  );
  return { name, vkeys, url, ...program };
}

/** Valid YAML too: JSON. */
function omniwitnessList(logs: readonly PeerLog[]): string {
  return JSON.stringify({
    Logs: logs.map(({ origin, vkey }) => ({
      Origin: origin,
      PublicKey: vkey,
      URL: `http://${origin}/`,
      Feeder: "none",
    })),
  });
}

/** What `startLitewitness` runs. */
export const LITEWITNESS_PROGRAMS = ["litewitness", "ssh-keygen", "ssh-agent", "ssh-add", "python3"] as const;

/** torchwood's litewitness, over SQLite, which has an ssh-agent sign. */
export async function startLitewitness(
  logs: readonly PeerLog[],
  { name = "w2.test/lite" }: { readonly name?: string } = {},
): Promise<PeerWitness> {
  const folder = await newFolder();
  const key = join(folder, "key");
  const socket = join(folder, "agent");
  const database = join(folder, "w.db");
  await runWell("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const agent = await start("ssh-agent", ["-D", "-a", socket]);
  await untilItSucceeds(() => runWell("ssh-add", [key], { env: { SSH_AUTH_SOCK: socket } }));
  const print = await runWell("ssh-keygen", ["-l", "-f", key]);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = {
    "-db": database,
    "-ssh-agent": socket,
    "-name": name,
    "-key": print.split(" ")[1] ?? "",
    "-listen": `127.0.0.1:${port}`,
  };
  const program = await start(programPath("litewitness"), Object.entries(flags).flat(), { url });
  await addLogsToLitewitness(database, logs);
  const page = unescaped(await (await fetch(url)).text());
  const [vkey = ""] = vkeysIn(page);
  return {
    name,
    vkeys: [vkey],
    url,
    ...program,
    async stop() {
      await program.stop();
      await agent.stop();
    },
  };
}

/** What its own tool does, which needs modules that cannot be installed everywhere. The tables are there once it runs. */
async function addLogsToLitewitness(database: string, logs: readonly PeerLog[]): Promise<void> {
  const script = `
import json, sqlite3, sys
logs = json.load(sys.stdin)
with sqlite3.connect(sys.argv[1]) as db:
    empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    db.executemany("INSERT OR IGNORE INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", [(l["origin"], empty) for l in logs])
    db.executemany("INSERT INTO key (origin, key) VALUES (?, ?)", [(l["origin"], l["vkey"]) for l in logs])
`;
  await runWell("python3", ["-c", script, database], { input: encodeUtf8(JSON.stringify(logs)) });
}

/** Its start page shows its vkey in HTML. */
function unescaped(text: string): string {
  return text.replaceAll("&#43;", "+").replaceAll("&amp;", "&");
}

/** What `startSunlight` runs. */
export const SUNLIGHT_PROGRAMS = ["sunlight", "sunlight-keygen", "python3"] as const;
/** What it runs as the edition "-head": as it is in its repository, with an ML-DSA-44 key too. */
export const SUNLIGHT_HEAD_PROGRAMS = ["sunlight-head", "sunlight-keygen-head", "python3"] as const;

/** Sunlight's witness, over SQLite, beside a Certificate Transparency log of its own that nobody writes to: v0.8.1 ends without one. */
export async function startSunlight(
  logs: readonly PeerLog[],
  { name = "w3.test/sun", edition = "" }: { readonly name?: string; readonly edition?: "" | "-head" } = {},
): Promise<PeerWitness> {
  const folder = await newFolder();
  const seed = join(folder, "seed");
  const database = join(folder, "checkpoints.db");
  // Written here: sunlight-keygen makes it immutable, and nobody could remove the folder.
  await writeFile(seed, randomBytes(32));
  await mkdir(join(folder, "served"));
  await writeFile(join(folder, "roots.pem"), "");
  const printed = await runWell(programPath(`sunlight-keygen${edition}`), ["-f", seed, "-witness", name]);
  await runWell("python3", ["-c", SUNLIGHT_TABLE, database]);
  const listing = await serveLogList(logs, join(folder, "logs.txt"));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const config = join(folder, "sunlight.yaml");
  const witness = {
    name,
    // It routes by host and path; its metrics are beside.
    submissionprefix: "https://127.0.0.1/witness",
    monitoringprefix: "https://127.0.0.1/served",
    secret: seed,
    localdirectory: join(folder, "served"),
    // v0.8.1 takes a URL and no file, later versions a file and no such URL: each complains of the other, and goes on.
    loglists: [listing.url, listing.file],
  };
  const yaml = { listen: [address], checkpoints: database, witness, logs: [sunlightOwnLog(folder)] };
  await writeFile(config, JSON.stringify(yaml));
  const path = programPath(`sunlight${edition}`);
  const origins = new Set(logs.map(({ origin }) => origin)); // of two keys of one log it takes the first
  const program = await start(path, ["-c", config], { url: `http://${address}/health` });
  try {
    await untilItSucceeds(async () => {
      const metrics = await (await fetch(`http://${address}/metrics`)).text();
      if (!metrics.includes(`known_logs ${origins.size}\n`)) throw new Error(program.output());
    });
    const url = `http://${address}/witness`;
    return { name, vkeys: vkeysIn(printed), url, shownFolder: join(folder, "served"), ...program };
  } catch (error) {
    await program.stop();
    throw error;
  } finally {
    listing.close();
  }
}

/** As its documentation says to make it. */
export const SUNLIGHT_TABLE = `
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute("CREATE TABLE checkpoints (logID BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT")
`;

/** A log of no certificates. It is made on its day of inception only, by the clock of the program's time zone. */
export function sunlightOwnLog(folder: string): Readonly<Record<string, string | number>> {
  const now = new Date();
  const pad = (part: number): string => String(part).padStart(2, "0");
  return {
    shortname: "own",
    period: 3_600_000,
    inception: `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`,
    submissionprefix: "https://ct.test",
    monitoringprefix: "https://ct.test/read",
    roots: join(folder, "roots.pem"),
    secret: join(folder, "seed"),
    cache: join(folder, "cache.db"),
    localdirectory: join(folder, "ct"),
    notafterstart: "2020-01-01T00:00:00Z",
    notafterlimit: "2100-01-01T00:00:00Z",
  };
}

/** c2sp.org/tlog-witness's list of logs, in a file and over HTTP. */
async function serveLogList(
  logs: readonly PeerLog[],
  file: string,
): Promise<{ readonly url: string; readonly file: string; close(): void }> {
  const entries = logs.map(({ origin, vkey }) => `vkey ${vkey}\norigin ${origin}\nqpd 86400\ncontact test\n`);
  const list = `logs/v0\n\n${entries.join("\n")}`;
  await writeFile(file, list);
  const port = await freePort();
  const server = createServer((_, response) => response.end(list)).listen(port, "127.0.0.1");
  await once(server, "listening");
  server.unref(); // closed by nobody where the program does not start
  return { url: `http://127.0.0.1:${port}/logs`, file, close: () => server.close() };
}

/** What `startSigsumWitness` runs. */
export const SIGSUM_PROGRAMS = ["sigsum-witness", "sigsum-key"] as const;

/** Sigsum's witness. It knows one log, whose origin is the one Sigsum gives its key, and the log's key has that name. */
export async function startSigsumWitness([log]: readonly PeerLog[]): Promise<PeerWitness> {
  const folder = await newFolder();
  const key = join(folder, "key");
  const logKey = join(folder, "log.pub");
  const sigsumKey = programPath("sigsum-key");
  await runWell(sigsumKey, ["generate", "-o", key]);
  const hash = await runWell(sigsumKey, ["to-hash", "-k", `${key}.pub`]);
  const name = `sigsum.org/v1/witness/${hash.trim()}`;
  const vkey = await runWell(sigsumKey, ["to-vkey", "-k", `${key}.pub`, "-n", name, "-t", "cosignature/v1"]);
  await runWell(sigsumKey, ["from-vkey", "-o", logKey], { input: encodeUtf8(`${log?.vkey ?? ""}\n`) });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = ["-k", key, "--log-key", logKey, "--state-file", join(folder, "state")];
  const program = await start(programPath("sigsum-witness"), [...flags, `127.0.0.1:${port}`], { url });
  return { name, vkeys: [vkey.trim()], url, ...program };
}

/** The verifier keys in what a program prints. */
function vkeysIn(text: string): readonly string[] {
  return text.match(/\S+\+[0-9a-f]{8}\+\S+$/gm) ?? [];
}

async function newFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), "peer-"));
}

async function untilItSucceeds(attempt: () => Promise<unknown>): Promise<void> {
  for (let left = 300; ; left -= 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
