import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { sha256 } from "#crypto";
import { type CheckpointMemory, isSameCheckpoint } from "../../client/checkpoint-memory.ts";
import { TlogError } from "../errors.ts";
import { encodeHex, encodeUtf8 } from "../tlog/encoding.ts";
import { codeOf } from "./errno.ts";
import { makeDirectory } from "./make-directory.ts";
import { writeSynced } from "./replace-durably.ts";
import { syncDirectory } from "./sync-directory.ts";

/** Far more than any checkpoint: a note with a hundred ML-DSA-44 cosignatures stays below it. */
const MAX_CHECKPOINT_BYTES = 1024 * 1024;
/** Each failed look at a place means that another process replaced the checkpoint meanwhile. */
const MAX_LOOKS = 100;
const HEAD = "head.";
const CHECKPOINT = "checkpoint.";

/**
 * Remembers one checkpoint per log in `<directory>/<hex SHA-256 of the origin>.checkpoint/`, so that no origin, whatever
 * characters it has, names a file elsewhere. There lies `checkpoint.<id>`, and an empty file `head.<id>` that says which one
 * counts. To replace it is to rename `head.<id>`: of two processes that try, the file system lets one succeed, and nothing is
 * left locked by one that died. Ids are random, none comes twice. Files are 0600, directories 0700.
 * @param directory - made on the first save; one of a local file system, or one whose renames are atomic.
 * @returns a memory whose methods throw CHECKPOINT_MEMORY_FAILED when the file system does.
 */
export function fileCheckpointMemory(directory: string): CheckpointMemory {
  const folder = resolve(directory);
  const placeOf = (origin: string): string =>
    join(folder, `${encodeHex(sha256(encodeUtf8(origin)))}.checkpoint`);
  return {
    // To remove it is a person's decision: it may be what convicts the log.
    adviceOn: (origin) => `; only if you know that another log took this name, remove ${placeOf(origin)}`,
    load: (origin) => guarded(placeOf(origin), async (place) => (await look(place))?.checkpoint),
    save: (origin, checkpoint, replaces) =>
      guarded(placeOf(origin), async (place) => {
        const found = await look(place);
        if (!isSameCheckpoint(found?.checkpoint, replaces)) return false;
        return found === undefined ? begin(folder, place, checkpoint) : replace(place, found, checkpoint);
      }),
  };
}

interface Found {
  readonly id: string;
  readonly checkpoint: Uint8Array;
  /** Every name seen beside it. */
  readonly names: readonly string[];
}

/** @returns undefined when nothing was ever saved here. */
async function look(place: string): Promise<Found | undefined> {
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    const names = await ifPresent(readdir(place));
    if (names === undefined) return undefined;
    const id = names.find((name) => name.startsWith(HEAD))?.slice(HEAD.length);
    // A listing may miss a name that is changing, and the file of a head that was replaced is gone.
    const checkpoint = id === undefined ? undefined : await readCheckpoint(join(place, CHECKPOINT + id));
    if (id !== undefined && checkpoint !== undefined) return { id, checkpoint, names };
  }
  throw new TlogError("CHECKPOINT_MEMORY_FAILED", `${place}: want a file head.<id> and its checkpoint.<id>`);
}

/** The first one: a whole directory, renamed to its place, which fails when another one is there. */
async function begin(folder: string, place: string, checkpoint: Uint8Array): Promise<boolean> {
  await makeDirectory(resolve(folder), { mode: 0o700 });
  const draft = `${place}.${newId()}.tmp`;
  try {
    await mkdir(draft, { mode: 0o700 });
    const id = newId();
    await writeSynced(join(draft, CHECKPOINT + id), checkpoint, { mode: 0o600 });
    await writeSynced(join(draft, HEAD + id), "", { mode: 0o600 });
    await syncDirectory(draft);
    await rename(draft, place);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // EPERM is how Windows says that the place is taken.
    if (["EEXIST", "ENOTEMPTY", "EPERM"].includes(codeOf(error)) && (await look(place)) !== undefined)
      return false;
    throw error;
  }
  await syncDirectory(folder);
  return true;
}

async function replace(place: string, { id, names }: Found, checkpoint: Uint8Array): Promise<boolean> {
  const nextId = newId();
  const next = join(place, CHECKPOINT + nextId);
  try {
    await writeSynced(next, checkpoint, { mode: 0o600 });
    // Before the head names it: a crash in between leaves the old head, and a file that the next save removes.
    await syncDirectory(place);
    await rename(join(place, HEAD + id), join(place, HEAD + nextId));
  } catch (error) {
    await rm(next, { force: true });
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
  await syncDirectory(place);
  // Whatever was there before the renaming belongs to a save that can only fail now, or that died. What stays is for the next.
  const left = names.filter((name) => name.startsWith(CHECKPOINT));
  await Promise.allSettled(left.map((name) => rm(join(place, name))));
  return true;
}

async function readCheckpoint(path: string): Promise<Uint8Array | undefined> {
  const file = await ifPresent(open(path, "r"));
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size > MAX_CHECKPOINT_BYTES) {
      throw new TlogError(
        "CHECKPOINT_MEMORY_FAILED",
        `${path}: want at most ${MAX_CHECKPOINT_BYTES} bytes, got ${size}`,
      );
    }
    return Uint8Array.from(await file.readFile());
  } finally {
    await file.close();
  }
}

function newId(): string {
  return randomBytes(8).toString("hex");
}

async function ifPresent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function guarded<T>(place: string, work: (place: string) => Promise<T>): Promise<T> {
  try {
    return await work(place);
  } catch (error) {
    if (error instanceof TlogError) throw error;
    throw new TlogError("CHECKPOINT_MEMORY_FAILED", `${place}: ${codeOf(error)}`, { cause: error });
  }
}
