/** How often a log waits for its disk, counted by strace while entries come in: what an answer of it is worth. */
import { execFileSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { newFolder } from "../script.ts";
import { type PeerOptions, type PeerServer, startOwnLog, startTessera } from "./servers.ts";
import { countSyncCalls, type SyncCalls, TRACED } from "./sync-calls.ts";

export interface DurabilityRow {
  readonly name: string;
  readonly inFlight: number;
  readonly entries: number;
  readonly syncsPerEntry: number;
  readonly syncedWritesPerEntry: number;
}

type Start = (options: PeerOptions) => Promise<PeerServer>;

/** Whether the machine lets us look. */
export function canTrace(): boolean {
  try {
    execFileSync("strace", ["-f", "-qq", "-e", "trace=fsync", "-o", "/dev/null", "true"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

/** @param plan.inFlight - clients that each add one entry after the other. */
export async function durabilityRows(plan: {
  readonly folder: string;
  readonly inFlight: readonly number[];
  readonly entriesEach: number;
}): Promise<readonly DurabilityRow[]> {
  const starts: readonly Start[] = [
    startOwnLog,
    (options) => startTessera({ ...options, antispam: true }),
    (options) => startTessera({ ...options, antispam: false }),
  ];
  const rows: DurabilityRow[] = [];
  for (const start of starts) {
    for (const inFlight of plan.inFlight) {
      rows.push(await durabilityRow(start, { ...plan, inFlight }));
    }
  }
  return rows;
}

async function durabilityRow(
  start: Start,
  plan: { readonly folder: string; readonly inFlight: number; readonly entriesEach: number },
): Promise<DurabilityRow> {
  const directory = newFolder(plan.folder);
  const file = join(directory, "trace");
  // -D: the server stays our child, and strace ends with it.
  const prefix = [
    "strace",
    "-D",
    "-f",
    "-qq",
    "-s",
    "0",
    "-e",
    "signal=none",
    "-e",
    `trace=${TRACED}`,
    "-o",
    file,
  ];
  const server = await start({ folder: plan.folder, prefix });
  const entries = plan.inFlight * plan.entriesEach;
  let before: SyncCalls;
  let after: SyncCalls;
  try {
    // So that opening and first files are not counted.
    await addEntries(server.url, { inFlight: plan.inFlight, entriesEach: 1, name: "first" });
    before = await readTrace(file);
    await addEntries(server.url, { ...plan, name: "then" });
    after = await readTrace(file);
  } finally {
    await server.stop();
    await rm(directory, { recursive: true });
  }
  return {
    name: server.name,
    inFlight: plan.inFlight,
    entries,
    syncsPerEntry: (after.syncs - before.syncs) / entries,
    syncedWritesPerEntry: (after.syncedWrites - before.syncedWrites) / entries,
  };
}

async function readTrace(file: string): Promise<SyncCalls> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(file, "utf8") })) lines.push(line);
  return countSyncCalls(lines);
}

async function addEntries(
  url: string,
  {
    inFlight,
    entriesEach,
    name,
  }: { readonly inFlight: number; readonly entriesEach: number; readonly name: string },
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const lane = async (at: number): Promise<void> => {
    for (let entry = 0; entry < entriesEach; entry += 1) {
      await addEntry(url, agent, `${name} ${at}/${entry} `.padEnd(256, "x"));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, at) => lane(at)));
  agent.destroy();
}

function addEntry(url: string, agent: Agent, entry: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/add`, { method: "POST", agent }, (answer) => {
      answer.resume();
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`${url}/add answered ${answer.statusCode}`));
      });
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(entry);
  });
}
