/** Other people's witnesses, each with keys and a database of its own in a new folder, cosigning for the logs it is given. */
import { mkdtemp, writeFile } from "node:fs/promises";
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
  const [vkey = ""] = /^\S+\+[0-9a-f]{8}\+\S+$/m.exec(page) ?? [];
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
    db.executemany("INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", [(l["origin"], empty) for l in logs])
    db.executemany("INSERT INTO key (origin, key) VALUES (?, ?)", [(l["origin"], l["vkey"]) for l in logs])
`;
  await runWell("python3", ["-c", script, database], { input: encodeUtf8(JSON.stringify(logs)) });
}

/** Its vkey as the start page shows it: in HTML. */
function unescaped(text: string): string {
  return text.replaceAll("&#43;", "+").replaceAll("&amp;", "&");
}

async function newFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), "bristlecone-peer-"));
}

async function untilItSucceeds(attempt: () => Promise<unknown>): Promise<void> {
  for (let left = 100; ; left -= 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
