/** What becomes of entries that are added: served, covered, and every checkpoint on the way kept to. */
import { orUndefined } from "../../errors.ts";
import { hashesEqual, leafHash } from "../../merkle/hash.ts";
import type { Checkpoint } from "../../tlog/checkpoint-body.ts";
import { bytesEqual } from "../../tlog/encoding.ts";
import { decodeBundle, MAX_ENTRY_BYTES } from "../../tlog/entry-bundle.ts";
import { formatBundlePath, TILE_WIDTH, tileWidthAt } from "../../tlog/tile.ts";
import { readVerifiedTiles, verifyTiles } from "../../tlog/tile-reader.ts";
import { InapplicableError } from "../inapplicable.ts";
import { isStatus, showAnswer } from "./answers.ts";
import { type Finding, met, metIf, notRun, reported, unmet } from "./finding.ts";
import { inconsistency, missingPartial } from "./later-checks.ts";
import {
  askForThere,
  contentOf,
  fetchCheckpoint,
  firstCheckpoint,
  type LogSubject,
  tileReader,
} from "./subject.ts";
import { readEdge } from "./tile-checks.ts";
import { type AddedEntry, indexOf, type LogWriter } from "./writer.ts";

type Check = (subject: LogSubject) => Promise<Finding>;

/** How many checkpoints are fetched before an entry counts as forgotten, and how long apart. */
const MAX_CHECKPOINTS = 60;
const CHECKPOINT_PAUSE_MS = 1000;
/** Past the first boundary of tiles, and two entries more. */
const GROWN_SIZE = TILE_WIDTH + 2;
/** At these sizes the tiles change their shape: a checkpoint is waited for. */
const BOUNDARIES = [TILE_WIDTH - 1, TILE_WIDTH, TILE_WIDTH + 1, GROWN_SIZE];
/** Between the boundaries a checkpoint is looked at this often. */
const LOOK_EVERY = 16;

export const WRITE_CHECKS = {
  "add-index": onWriter(async (subject, writer) => {
    // Before anything was added: what all that follow have to continue.
    const start = await firstCheckpoint(subject);
    if (start !== undefined) writer.see(start);
    const entry = writer.newEntry();
    const answer = await writer.add(entry);
    const index = indexOf(answer);
    if (index === undefined) return unmet(showAnswer(answer));
    writer.first = { entry, index };
    return met(`200, index ${index}`);
  }),
  "add-served": onWriter(async (subject, writer) => {
    if (writer.first === undefined) return notRun("needs an entry that was added");
    const failure = await whyNotServed(subject, writer, writer.first);
    return failure === undefined ? met(`index ${writer.first.index}`) : unmet(failure);
  }),
  "add-duplicate": onWriter(async (_, writer) => {
    if (writer.first === undefined) return notRun("needs an entry that was added");
    const answer = await writer.add(writer.first.entry);
    const index = indexOf(answer);
    if (index === undefined) return reported(showAnswer(answer));
    return reported(index === writer.first.index ? "the index it has" : "a new index");
  }),
  "add-empty": onWriter((subject, writer) => addOfLength(subject, writer, 0)),
  "add-largest": onWriter((subject, writer) => addOfLength(subject, writer, MAX_ENTRY_BYTES)),
  "add-too-large": onWriter(async (_, writer) => {
    const answer = await writer.add(new Uint8Array(MAX_ENTRY_BYTES + 1).fill(0x2e));
    return metIf(isStatus(answer.status, ["4xx"]), showAnswer(answer));
  }),
  "add-growth": onWriter(async (subject, writer) => {
    const start = await fetchCheckpoint(subject);
    if (start === undefined) return notRun("needs a tree size: the checkpoint cannot be read");
    if (start.treeSize >= TILE_WIDTH)
      return notRun(`needs fewer than 256 entries: the tree has ${start.treeSize} entries`);
    writer.see(start);
    const failure = (await growth(subject, writer)) ?? (await missingOf(subject, writer.seen));
    const sizes = writer.seen.map(({ treeSize }) => treeSize).join(" ");
    return failure === undefined ? met(`sizes ${sizes}`) : unmet(failure);
  }),
  "add-consistent": onWriter(async (subject, { seen }) => {
    const latest = seen.at(-1);
    if (latest === undefined || seen.length < 2)
      return notRun("needs two checkpoints: the log was not seen to grow");
    for (const earlier of seen.slice(0, -1)) {
      const failure = await inconsistency(subject, earlier, latest);
      if (failure !== undefined) return unmet(failure);
    }
    return met(`${seen.length} checkpoints up to size ${latest.treeSize}`);
  }),
  "push-back": onWriter(async (_, { retryAfters }) => {
    if (retryAfters.length === 0) return notRun("needs a log that pushes back: none of the writes was");
    const bad = retryAfters.find((value) => !/^[0-9]{1,9}$|^[A-Z][a-z]{2}, .* GMT$/.test(value));
    return metIf(
      bad === undefined,
      bad === undefined ? `${retryAfters.length} times` : `Retry-After: ${bad || "none"}`,
    );
  }),
} satisfies Record<string, Check>;

function onWriter(check: (subject: LogSubject, writer: LogWriter) => Promise<Finding>): Check {
  return async (subject) => {
    const { writer } = subject;
    return writer === undefined
      ? notRun("adds entries: only with the log's consent")
      : await check(subject, writer);
  };
}

async function addOfLength(subject: LogSubject, writer: LogWriter, length: number): Promise<Finding> {
  const entry = new Uint8Array(length).fill(0x2e);
  entry.set(writer.newEntry().subarray(0, length));
  const answer = await writer.add(entry);
  const index = indexOf(answer);
  if (index === undefined) return reported(showAnswer(answer));
  const failure = await whyNotServed(subject, writer, { entry, index });
  return failure === undefined ? reported(`200, index ${index}, and served there`) : unmet(failure);
}

/**
 * Adds entry after entry until the first tile is full and the next one begun.
 * @returns what was wrong with a tree on the way.
 * @throws {InapplicableError} when `add` does not do what no document asks of it
 */
async function growth(subject: LogSubject, writer: LogWriter): Promise<string | undefined> {
  for (let size = 0; size < GROWN_SIZE; ) {
    const answer = await writer.add(writer.newEntry());
    const index = indexOf(answer);
    if (index === undefined)
      throw new InapplicableError(
        `needs a log that takes entries: POST add was answered ${showAnswer(answer)}`,
      );
    if (index < size)
      throw new InapplicableError(
        `needs a log that counts on: index ${index} for a new entry, after ${size - 1}`,
      );
    size = index + 1;
    const isBoundary = BOUNDARIES.includes(size) || size > GROWN_SIZE;
    if (!isBoundary && size % LOOK_EVERY !== 0) continue;
    const checkpoint = isBoundary ? await coverOf(subject, writer, index) : await look(subject, writer);
    if (checkpoint === undefined)
      throw new InapplicableError(`needs a log that is as fast: no checkpoint covers index ${index}`);
    const failure = await edgeFailure(subject, checkpoint);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** What is wrong with the tiles at the right edge. @throws {TlogError} ROOT_MISMATCH, and what the probe throws */
async function edgeFailure(subject: LogSubject, checkpoint: Checkpoint): Promise<string | undefined> {
  const { tiles, failure } = await readEdge(subject, checkpoint.treeSize);
  if (failure !== undefined) return `size ${checkpoint.treeSize}: ${failure}`;
  verifyTiles({ ...checkpoint, tiles });
  return undefined;
}

async function missingOf(subject: LogSubject, seen: readonly Checkpoint[]): Promise<string | undefined> {
  for (const { treeSize } of seen) {
    const missing = await missingPartial(subject, treeSize);
    if (missing !== undefined) return `after ${seen.at(-1)?.treeSize} entries ${missing}`;
  }
  return undefined;
}

async function whyNotServed(
  subject: LogSubject,
  writer: LogWriter,
  { entry, index }: AddedEntry,
): Promise<string | undefined> {
  const checkpoint = await coverOf(subject, writer, index);
  if (checkpoint === undefined) return `no checkpoint covers index ${index}`;
  const { treeSize, rootHash } = checkpoint;
  const node = { level: 0, index };
  const read = await readVerifiedTiles({ treeSize, rootHash, nodes: [node], readTile: tileReader(subject) });
  if (!hashesEqual(read(node), leafHash(entry))) return `another leaf hash at index ${index}`;
  const at = Math.floor(index / TILE_WIDTH);
  const width = tileWidthAt({ level: 0, index: at, treeSize });
  const path = formatBundlePath({ index: at, width });
  const bundle = await contentOf(await askForThere(subject, path));
  const entries = bundle === undefined ? undefined : orUndefined(() => decodeBundle(bundle, width));
  const served = entries?.[index % TILE_WIDTH];
  if (served === undefined) return `${path} is not served, or malformed`;
  return bytesEqual(served, entry) ? undefined : `another entry at index ${index}`;
}

/** The first checkpoint that covers `index`. */
async function coverOf(
  subject: LogSubject,
  writer: LogWriter,
  index: number,
): Promise<Checkpoint | undefined> {
  for (let tries = 0; tries < MAX_CHECKPOINTS; tries++) {
    const checkpoint = await look(subject, writer);
    if (checkpoint !== undefined && checkpoint.treeSize > index) return checkpoint;
    await writer.pause(CHECKPOINT_PAUSE_MS);
  }
  return undefined;
}

async function look(subject: LogSubject, writer: LogWriter): Promise<Checkpoint | undefined> {
  const checkpoint = await fetchCheckpoint(subject);
  if (checkpoint !== undefined) writer.see(checkpoint);
  return checkpoint;
}
