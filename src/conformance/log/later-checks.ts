/** Whether a log kept its word: what it served first, held against what it serves at the end. */
import { rangeRoot } from "../../merkle/compact-range.ts";
import { hashesEqual } from "../../merkle/hash.ts";
import { planRoot } from "../../merkle/proof-plan.ts";
import type { Checkpoint } from "../../tlog/checkpoint-body.ts";
import { formatTilePath, partialTilesAt, TILE_WIDTH } from "../../tlog/tile.ts";
import { readVerifiedTiles } from "../../tlog/tile-reader.ts";
import { showAnswer } from "./answers.ts";
import { type Finding, met, notRun, reported, unmet } from "./finding.ts";
import {
  assertNoRedirection,
  firstCheckpoint,
  get,
  LATEST,
  type LogSubject,
  readCheckpoint,
  tileReader,
} from "./subject.ts";

type Check = (subject: LogSubject) => Promise<Finding>;

export const LATER_CHECKS = {
  later: onPair(async (_, first, latest) => reported(`${first.treeSize}, later ${latest.treeSize}`)),
  consistent: onPair(async (subject, first, latest) => {
    // A replica that lags serves the smaller one last: the two still have to agree.
    const [from, to] = latest.treeSize < first.treeSize ? [latest, first] : [first, latest];
    const failure = await inconsistency(subject, from, to);
    return failure === undefined ? met(`${from.treeSize} to ${to.treeSize}`) : unmet(failure);
  }),
  "older-partials": onPair(async (subject, first, latest) => {
    if (latest.treeSize <= first.treeSize) return notRun("needs a log that grows during the run");
    const missing = await missingPartial(subject, first.treeSize);
    return missing === undefined ? met(`those of size ${first.treeSize}`) : unmet(missing);
  }),
} satisfies Record<string, Check>;

/**
 * Whether the larger tree continues the smaller one, from the larger one's tiles.
 * @returns what is wrong; undefined when nothing is.
 * @throws {TlogError} TILE_MALFORMED | ROOT_MISMATCH (the larger tree's own tiles), and what the probe throws
 */
export async function inconsistency(
  subject: LogSubject,
  from: Checkpoint,
  to: Checkpoint,
): Promise<string | undefined> {
  const { treeSize, rootHash } = to;
  const { nodes } = planRoot(from.treeSize);
  const read = await readVerifiedTiles({ treeSize, rootHash, nodes, readTile: tileReader(subject) });
  const root = rangeRoot({ treeSize: from.treeSize, peaks: nodes.map(read) });
  return hashesEqual(root, from.rootHash) ? undefined : `another root at size ${from.treeSize}`;
}

/** Asks anew for the partial tiles of a tree. @returns the first that is not there, and whose full tile is not either. */
export async function missingPartial(subject: LogSubject, treeSize: number): Promise<string | undefined> {
  for (const tile of partialTilesAt(treeSize)) {
    const answer = await subject.askAnew(get(formatTilePath(tile)));
    assertNoRedirection(answer);
    if (answer.status === 200) continue;
    const full = await subject.askAnew(get(formatTilePath({ ...tile, width: TILE_WIDTH })));
    if (full.status !== 200) return `${formatTilePath(tile)}: ${showAnswer(answer)}`;
  }
  return undefined;
}

function onPair(
  check: (subject: LogSubject, first: Checkpoint, latest: Checkpoint) => Promise<Finding>,
): Check {
  return async (subject) => {
    const first = await firstCheckpoint(subject);
    if (first === undefined) return notRun("needs a tree size: the checkpoint cannot be read");
    const answer = await subject.askAnew(LATEST);
    const latest = await readCheckpoint(answer);
    if (latest !== undefined) return await check(subject, first, latest);
    const shown = `the checkpoint, later: ${showAnswer(answer)}`;
    return answer.status === 200 ? unmet(shown) : notRun(`needs ${shown}`);
  };
}
