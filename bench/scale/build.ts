/**
 * A log of many entries, filled over POST /add-batch. Entry `number` follows from the seed and the number (bench/load/entries.ts), so any
 * entry can be made again; what is done stands in a file beside the log, so filling goes on where it ended.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { batchBytes, type EntrySource, entrySource, FIXED_256, writeBatch } from "../load/entries.ts";
import { publishedSize, untilPublished } from "../published-size.ts";

const BATCH_ENTRIES = 8192;
/** Batches under way: while one is made durable, the next is received. */
const LANES = 3;
/** With tree, leaf index and what LMDB leaves unused; spec/storage.md counts less. */
const DISK_BYTES_PER_ENTRY = 345;
const PROGRESS_MS = 5_000;

/** What is kept beside the log. */
export interface BuildState {
  readonly seed: number;
  /** Entries [0, built) are answered; some after them may be in as well. */
  readonly built: number;
}

/** A folder for a log of the bench: the log in `log`, what is done in `bench.json`. */
export interface BuildFolder {
  readonly data: string;
  state(): BuildState;
  save(state: BuildState): void;
  /** What the bench made, and the folder itself when nothing else is in it. */
  remove(): void;
}

/** @throws {Error} the folder has something in it, and is not one that the bench made. */
export function openBuildFolder(folder: string): BuildFolder {
  mkdirSync(folder, { recursive: true });
  const data = join(folder, "log");
  const file = join(folder, "bench.json");
  const save = (state: BuildState): void => {
    writeFileSync(`${file}.new`, `${JSON.stringify(state)}\n`);
    renameSync(`${file}.new`, file);
  };
  if (!existsSync(file)) {
    if (readdirSync(folder).length > 0) {
      throw new Error(`${folder}: not empty, and no folder of this bench; give it one of its own`);
    }
    save({ seed: 1, built: 0 });
  }
  const state = (): BuildState => readState(file);
  state();
  const remove = (): void => {
    // Key and guard lie beside the data. The marker last: what a failure leaves is still the bench's.
    const made = [data, `${data}.key`, `${data}.guard`, `${file}.new`, file];
    for (const path of made) rmSync(path, { recursive: true, force: true });
    if (readdirSync(folder).length === 0) rmdirSync(folder);
  };
  return { data, state, save, remove };
}

function readState(file: string): BuildState {
  const { seed, built } = Object(JSON.parse(readFileSync(file, "utf8")));
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(built))
    throw new Error(`${file}: not of this bench`);
  return { seed, built };
}

/** @throws {Error} the disk has no room for so many more entries, and two gigabytes besides. */
export function assertRoom(folder: string, moreEntries: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const [free, wanted] = [bavail * bsize, moreEntries * DISK_BYTES_PER_ENTRY + 2e9];
  const text = `${folder}: ${(free / 1e9).toFixed(1)} GB free, some ${(wanted / 1e9).toFixed(1)} GB wanted`;
  process.stderr.write(`${text}\n`);
  if (free < wanted) throw new Error(text);
}

/** One stretch of filling. */
export interface BuildProgress {
  readonly treeSize: number;
  readonly perSecond: number;
}

/**
 * Adds entries until the log has at least `treeSize`.
 * @returns how fast it went, every few seconds.
 */
export async function build(
  url: string,
  folder: BuildFolder,
  treeSize: number,
): Promise<readonly BuildProgress[]> {
  const size = await publishedSize(url);
  const { seed, built } = folder.state();
  const source = entrySource(seed, FIXED_256);
  const end = built + Math.max(0, treeSize - size);
  const progress: BuildProgress[] = [];
  const filling = fill(url, source, { start: built, end });
  let before = { at: performance.now(), done: built };
  const report = (): void => {
    const now = { at: performance.now(), done: filling.done() };
    folder.save({ seed, built: now.done });
    if (now.done === before.done) return;
    const perSecond = ((now.done - before.done) * 1000) / (now.at - before.at);
    progress.push({ treeSize: size + now.done - built, perSecond });
    const left = (end - now.done) / perSecond;
    process.stderr.write(
      `  ${now.done.toLocaleString("en")} entries, ${Math.round(perSecond).toLocaleString("en")}/s, ${Math.round(left)} s to go\n`,
    );
    before = now;
  };
  const timer = setInterval(report, PROGRESS_MS);
  try {
    await filling.finished;
  } finally {
    clearInterval(timer);
    report();
  }
  await untilPublished(url, treeSize);
  return progress;
}

/** @returns `done`: all entries before it are answered. */
function fill(
  url: string,
  source: EntrySource,
  { start, end }: { readonly start: number; readonly end: number },
): { readonly done: () => number; readonly finished: Promise<unknown> } {
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });
  const underWay = new Set<number>();
  let next = start;
  const lane = async (): Promise<void> => {
    while (next < end) {
      const first = next;
      next = Math.min(end, first + BATCH_ENTRIES);
      underWay.add(first);
      await addBatch(url, agent, encodeBatch(source, { start: first, end: next }));
      underWay.delete(first);
    }
  };
  const finished = Promise.all(Array.from({ length: LANES }, lane)).finally(() => agent.destroy());
  return { done: () => Math.min(next, ...underWay), finished };
}

/** Entries [start, end) in bundle encoding. */
export function encodeBatch(
  source: EntrySource,
  { start, end }: { readonly start: number; readonly end: number },
): Buffer {
  const numbers = Array.from({ length: end - start }, (_, at) => start + at);
  const batch = Buffer.allocUnsafe(batchBytes(source, numbers));
  writeBatch(source, numbers, batch, 0);
  return batch;
}

/** @returns the answer's JSON. A full pool (429) is asked again. @throws {Error} any other answer but 200. */
export async function addBatch(url: string, agent: Agent, batch: Buffer): Promise<string> {
  for (;;) {
    const { status, text } = await post(`${url}/add-batch`, agent, batch);
    if (status === 200) return text;
    if (status !== 429) throw new Error(`${url}/add-batch answered ${status}: ${text.slice(0, 500)}`);
    await pause(20);
  }
}

function post(
  url: string,
  agent: Agent,
  body: Buffer,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: "POST", agent, headers: { "Content-Length": body.length }, timeout: 120_000 },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: answer.statusCode ?? 0, text });
        });
        answer.on("error", reject);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`${url}: no answer within 120 s`)));
    sent.on("error", reject);
    sent.end(body);
  });
}
