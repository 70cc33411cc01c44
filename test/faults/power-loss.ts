/**
 * A model of a disk that loses power. What was written is on the disk for certain once it was synced; until then each page of
 * a file, or each sector of it, may be on the disk as it was after any of the writes since, and each name may be as before or after any
 * change since its directory was synced. Files do not wait for each other.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { seededRandom } from "../../bench/load/arrivals.ts";
import type { Operation, Renaming, Sync, Write } from "./recording.ts";

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;

/** How much of what was not synced is on the disk. */
export interface Fate {
  /** Of `changes` unsynced changes, one after the other, of one page, sector or name: how many are there, from 0 to all. */
  kept(changes: number): number;
  /** In what units a write reaches the disk. */
  readonly unitBytes: typeof PAGE_BYTES | typeof SECTOR_BYTES;
  /** Where a file has grown and nothing is written yet: zeroes, or what the disk held before. */
  readonly hole: number;
  /** Whether a file that grew has its new length before all of its bytes. */
  readonly growsFirst: boolean;
}

export const NOTHING_UNSYNCED: Fate = {
  kept: () => 0,
  unitBytes: PAGE_BYTES,
  hole: 0,
  growsFirst: false,
};
/** What a killed process leaves, or a power cut after all was written back. */
export const EVERYTHING: Fate = { ...NOTHING_UNSYNCED, kept: (changes) => changes };

/** One of many fates; the same seed gives the same one. */
export function randomFate(seed: number): Fate {
  const random = seededRandom(seed);
  // Now and then whole files, or nearly all of them, so that rare mixtures come up: one file ahead of all others.
  const share = [0.1, 0.5, 0.9, undefined][Math.floor(random() * 4)];
  return {
    kept(changes) {
      if (share === undefined) return Math.floor(random() * (changes + 1));
      return random() < share ? changes : Math.floor(random() * (changes + 1));
    },
    unitBytes: random() < 0.5 ? PAGE_BYTES : SECTOR_BYTES,
    hole: random() < 0.5 ? 0 : 0xa5,
    growsFirst: random() < 0.5,
  };
}

/** A change of one page: bytes from `start` of it. */
interface Patch {
  readonly at: number;
  readonly start: number;
  readonly bytes: Buffer;
  /** The file's length afterwards, at least. */
  readonly length: number;
}

/** A file's bytes; `content` is what is on the disk for certain. Owned by `Disk`. */
interface File {
  content: Buffer;
  length: number;
  readonly pages: Map<number, Patch[]>;
  /** How long it was made, without being written. */
  lengths: { readonly at: number; readonly length: number }[];
}

interface Directory {
  readonly names: Map<string, Entry>;
  changes: { readonly at: number; readonly name: string; readonly entry: Entry | undefined }[];
}

type Entry = { readonly file: File } | { readonly directory: Directory };

/** Plays a recording of everything below `root`, which was empty at its beginning. */
export class Disk {
  readonly #root: string;
  readonly #top: Directory = { names: new Map(), changes: [] };
  readonly #directories = new Map<string, Directory>();
  readonly #files = new Map<bigint, File>();
  readonly #syncs = new Map<string, number>();
  readonly #throughs = new Map<
    string,
    { readonly file: File; readonly at: number; readonly pages: Set<number> }
  >();
  #at = 0;

  constructor(root: string) {
    this.#root = root;
    this.#directories.set(root, this.#top);
  }

  play(operation: Operation): void {
    this.#at += 1;
    switch (operation.kind) {
      case "create":
        this.#create(operation.path, operation.file);
        break;
      case "make-directory":
        this.#makeDirectory(operation.path);
        break;
      case "write":
        this.#write(operation);
        break;
      case "written-through":
        this.#writtenThrough(operation.token);
        break;
      case "truncate":
        this.#truncate(operation.file, operation.length);
        break;
      case "sync-begins":
        this.#syncs.set(operation.token, this.#at);
        break;
      case "sync-ends":
        this.#synced(operation);
        break;
      case "unlink":
        this.#change(operation.path, undefined);
        break;
      case "rename":
      case "link":
        this.#rename(operation);
        break;
    }
  }

  /** Writes what a power cut leaves now into `folder`, which exists. */
  leave(folder: string, fate: Fate): void {
    leaveDirectory(this.#top, folder, fate);
  }

  #create(path: string, number: bigint): void {
    const file: File = { content: Buffer.alloc(0), length: 0, pages: new Map(), lengths: [] };
    this.#files.set(number, file);
    this.#change(path, { file });
  }

  #makeDirectory(path: string): void {
    const directory: Directory = { names: new Map(), changes: [] };
    this.#directories.set(path, directory);
    this.#change(path, { directory });
  }

  #rename({ kind, path, to, file }: Renaming): void {
    if (dirname(path) !== dirname(to))
      throw new Error(`not modelled: ${path} renamed into another directory`);
    this.#change(to, { file: this.#fileOf(file) });
    if (kind === "rename") this.#change(path, undefined);
  }

  #change(path: string, entry: Entry | undefined): void {
    this.#directoryOf(dirname(path)).changes.push({ at: this.#at, name: basename(path), entry });
  }

  #write({ file: number, offset, data, token }: Write): void {
    const file = this.#fileOf(number);
    const pages = new Set<number>();
    for (let done = 0; done < data.length; ) {
      const page = Math.floor((offset + done) / PAGE_BYTES);
      const start = (offset + done) % PAGE_BYTES;
      const bytes = data.subarray(done, done + PAGE_BYTES - start);
      const length = offset + done + bytes.length;
      push(file.pages, page, { at: this.#at, start, bytes, length });
      pages.add(page);
      done += bytes.length;
    }
    this.#throughs.set(token, { file, at: this.#at, pages });
  }

  /** Only these pages are on the disk: O_DSYNC says nothing of the others. */
  #writtenThrough(token: string): void {
    const through = this.#throughs.get(token);
    if (through === undefined) throw new Error("a write that is durable was not recorded");
    for (const page of through.pages) settle(through.file, page, through.at);
  }

  #truncate(number: bigint, length: number): void {
    const file = this.#fileOf(number);
    if (length < lengthOf(file)) throw new Error("not modelled: a file that is cut off");
    file.lengths.push({ at: this.#at, length });
  }

  #synced({ path, file: number, token }: Sync): void {
    const begun = this.#syncs.get(token);
    if (begun === undefined) throw new Error("a sync that ended had not begun");
    const directory = this.#directories.get(path);
    if (directory !== undefined) {
      settleNames(directory, begun);
      return;
    }
    const file = this.#fileOf(number);
    for (const page of [...file.pages.keys()]) settle(file, page, begun);
    for (const { at, length } of file.lengths) if (at <= begun) file.length = Math.max(file.length, length);
    file.lengths = file.lengths.filter(({ at }) => at > begun);
  }

  #fileOf(number: bigint): File {
    const file = this.#files.get(number);
    if (file === undefined) throw new Error(`a file below ${this.#root} was not made while it was recorded`);
    return file;
  }

  #directoryOf(path: string): Directory {
    const directory = this.#directories.get(path);
    if (directory === undefined) throw new Error(`not recorded: ${relative(this.#root, path)} was made`);
    return directory;
  }
}

function push(pages: Map<number, Patch[]>, page: number, patch: Patch): void {
  const patches = pages.get(page);
  if (patches === undefined) pages.set(page, [patch]);
  else patches.push(patch);
}

/** What was written to the page by then is on the disk. */
function settle(file: File, page: number, until: number): void {
  const patches = file.pages.get(page) ?? [];
  const waiting = patches.filter(({ at }) => at > until);
  for (const patch of patches) {
    if (patch.at > until) continue;
    file.length = Math.max(file.length, patch.length);
    file.content = grown(file.content, (page + 1) * PAGE_BYTES);
    patch.bytes.copy(file.content, page * PAGE_BYTES + patch.start);
  }
  if (waiting.length === 0) file.pages.delete(page);
  else file.pages.set(page, waiting);
}

function settleNames(directory: Directory, until: number): void {
  for (const { at, name, entry } of directory.changes) if (at <= until) setName(directory.names, name, entry);
  directory.changes = directory.changes.filter(({ at }) => at > until);
}

function setName(names: Map<string, Entry>, name: string, entry: Entry | undefined): void {
  if (entry === undefined) names.delete(name);
  else names.set(name, entry);
}

function leaveDirectory(directory: Directory, folder: string, fate: Fate): void {
  const names = new Map(directory.names);
  for (const [name, changes] of groupedByName(directory.changes)) {
    const kept = fate.kept(changes.length);
    if (kept > 0) setName(names, name, changes[kept - 1]);
  }
  for (const [name, entry] of names) {
    const path = join(folder, name);
    if ("file" in entry) writeFileSync(path, bytesLeft(entry.file, fate), { mode: 0o600 });
    else {
      mkdirSync(path, { mode: 0o700 });
      leaveDirectory(entry.directory, path, fate);
    }
  }
}

function groupedByName(changes: Directory["changes"]): ReadonlyMap<string, readonly (Entry | undefined)[]> {
  const grouped = new Map<string, (Entry | undefined)[]>();
  for (const { name, entry } of changes) {
    const held = grouped.get(name);
    if (held === undefined) grouped.set(name, [entry]);
    else held.push(entry);
  }
  return grouped;
}

function bytesLeft(file: File, fate: Fate): Buffer {
  const whole = lengthOf(file);
  // A file of which nothing was synced yet shows nothing else of the disk.
  const hole = file.length === 0 ? 0 : fate.hole;
  const bytes = Buffer.alloc(Math.max(whole, file.content.length), hole);
  file.content.copy(bytes, 0, 0, file.length);
  let length = fate.growsFirst ? whole : file.length;
  for (const [page, patches] of file.pages) {
    const units = PAGE_BYTES / fate.unitBytes;
    for (let unit = 0; unit < units; unit++) {
      const from = unit * fate.unitBytes;
      const touching = patches.filter(
        (patch) => patch.start < from + fate.unitBytes && patch.start + patch.bytes.length > from,
      );
      for (const patch of touching.slice(0, fate.kept(touching.length))) {
        const start = Math.max(from, patch.start);
        const end = Math.min(from + fate.unitBytes, patch.start + patch.bytes.length);
        patch.bytes.copy(bytes, page * PAGE_BYTES + start, start - patch.start, end - patch.start);
        length = Math.max(length, Math.min(patch.length, page * PAGE_BYTES + end));
      }
    }
  }
  return bytes.subarray(0, length);
}

/** As processes see it. */
function lengthOf({ length, pages, lengths }: File): number {
  const ends = [...pages.values()].flatMap((patches) => patches.map((patch) => patch.length));
  return [...ends, ...lengths.map((one) => one.length)].reduce((a, b) => Math.max(a, b), length);
}

function grown(content: Buffer, bytes: number): Buffer {
  if (content.length >= bytes) return content;
  const larger = Buffer.alloc(Math.max(bytes, 2 * content.length));
  content.copy(larger);
  return larger;
}
