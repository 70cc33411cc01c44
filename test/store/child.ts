/** Runs in a process of its own: a store that does what its parent says, or a reader that reads until it is killed. */
import { createInterface } from "node:readline";
import { TlogError } from "../../src/errors.ts";
import { lockDirectory } from "../../src/store/directory-lock.ts";
import { openLmdbReader, openLmdbStore } from "../../src/store/lmdb.ts";
import { openLmdbWitnessStore } from "../../src/store/witness-lmdb.ts";
import { hashNamed, patternBatch, patternEntry } from "./model.ts";
import { evidenceNamed, headAt, LOG, NAME, step } from "./witness-contract.ts";

const [role = "", directory = ""] = process.argv.slice(2);

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function codeOf(error: unknown): string {
  return error instanceof TlogError ? error.code : String(error);
}

/** Lines in: `commit FROM COUNT BYTES`, `sign SIZE`, `head`, `close`. One answer to each, in the order they are done. */
async function write(): Promise<void> {
  const store = await openLmdbStore({ directory, origin: "example.com/store" });
  say({ opened: store.writer.epoch });
  const doLine = async (line: string): Promise<object> => {
    const [command = "", ...numbers] = line.split(" ");
    const [first = 0, count = 0, bytes = 0] = numbers.map(Number);
    if (command === "commit") await store.commit(patternBatch(first, count, bytes));
    if (command === "sign")
      await store.recordHeads({ signed: { treeSize: first, rootHash: hashNamed("root") } });
    if (command === "close") {
      await store.close();
      return { line };
    }
    return { line, size: (await store.head()).integrated.treeSize };
  };
  createInterface({ input: process.stdin }).on("line", (line) => {
    doLine(line).then(say, (error: unknown) => say({ line, failed: codeOf(error) }));
  });
}

/** Lines in: `cosign FROM TO` (0: from nothing), `evidence NAME`, `close`. One answer to each. */
async function witness(): Promise<void> {
  const store = await openLmdbWitnessStore({ directory, name: NAME });
  say({ opened: store.writer.epoch });
  const doLine = async (line: string): Promise<object> => {
    const [command = "", first = "", second = ""] = line.split(" ");
    const [from, to] = [Number(first), Number(second)];
    const expected = from === 0 ? undefined : headAt(from, from);
    if (command === "cosign") return { line, applied: await store.commit([step(expected, headAt(to, to))]) };
    if (command === "evidence") return { line, outcome: await store.addEvidence(evidenceNamed(first)) };
    if (command === "close") await store.close();
    else return { line, size: (await store.head(LOG))?.treeSize };
    return { line };
  };
  createInterface({ input: process.stdin }).on("line", (line) => {
    doLine(line).then(say, (error: unknown) => say({ line, failed: codeOf(error) }));
  });
}

/** Reads the newest tile and entry again and again and compares them; says every larger size it saw. */
async function read(): Promise<void> {
  const reader = await openLmdbReader({ directory });
  say({ opened: 0 });
  for (let last = 0; ; ) {
    const size = (await reader.head()).integrated.treeSize;
    if (size > 0) {
      const leaf = size - 1;
      const encoded = await reader.readEntries({ start: leaf, end: size });
      const width = (leaf % 256) + 1;
      const tile = await reader.readTile({ level: 0, index: Math.floor(leaf / 256), width });
      const entry = encoded?.subarray(2);
      const fits =
        entry !== undefined &&
        Buffer.compare(entry, patternEntry(leaf, entry.length)) === 0 &&
        tile !== undefined &&
        Buffer.compare(tile.subarray(-32), hashNamed(`pattern ${leaf}`)) === 0;
      if (!fits) say({ wrong: size });
    }
    if (size !== last) say({ size });
    last = size;
    await new Promise(setImmediate);
  }
}

/** Holds the directory's lock: until killed, or, as `lock-only`, for as long as nothing else keeps the process alive. */
async function lock(): Promise<void> {
  await lockDirectory(directory);
  say({ locked: true });
  if (role === "lock") process.stdin.resume();
}

const roles = { read, write, witness, lock, "lock-only": lock };
for (const [name, run] of Object.entries(roles)) {
  if (name === role) await run().catch((error: unknown) => say({ failed: codeOf(error) }));
}
