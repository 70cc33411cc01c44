/** Reads a log as a stranger would, and holds all of it against the ledger. */
import type { Agent } from "node:http";
import { verifyConsistency } from "../../src/merkle/consistency.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { decodeHex, encodeHex } from "../../src/tlog/encoding.ts";
import { decodeBundle } from "../../src/tlog/entry-bundle.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { formatBundlePath, formatTilePath, TILE_WIDTH, type Tile, tilesAt } from "../../src/tlog/tile.ts";
import { entryNumbered } from "./entries.ts";
import { ask } from "./exchange.ts";
import type { Ledger } from "./ledger.ts";

export interface Walk {
  readonly url: string;
  readonly vkey: string;
  readonly agent: Agent;
  readonly ledger: Ledger;
  readonly random: () => number;
  /** How many local witnesses it has. */
  readonly witnesses: number;
  /** Whether a stage failed as planned: then no later checkpoint is to be expected. */
  readonly hasFailed: () => boolean;
}

/** How long a checkpoint may take that covers all that was answered. */
const COVERED_MS = 20_000;
const SAMPLES = 4;

/**
 * Bundles and tiles from `from` on, and some of those before; the roots of all heads that were ever shown; receipts, lookups and
 * consistency proofs of a few.
 * @throws when the log dies, or fails, meanwhile.
 */
export async function walk(at: Walk, from: number): Promise<void> {
  const { ledger } = at;
  const { treeSize, rootHash } = await coveringHead(at);
  const first = Math.floor(from / TILE_WIDTH);
  const last = Math.ceil(treeSize / TILE_WIDTH);
  for (let index = first; index < last; index++) await readBundle(at, index, treeSize);
  for (let sample = 0; sample < SAMPLES && first > 0; sample++) {
    await readBundle(at, Math.floor(at.random() * first), treeSize);
  }
  for (const tile of tilesAt(treeSize)) {
    if (tile.level > 0 || tile.index >= first) await readTile(at, tile);
  }
  ledger.head({ treeSize, rootHash }, "the checkpoint after the start");
  for (let name = 1; name <= at.witnesses; name++) await readWitness(at, `w${name}`);
  ledger.checkHeads();
  for (let sample = 0; sample < SAMPLES; sample++) await sampleOne(at, { treeSize, rootHash });
}

/** The first checkpoint that covers all that was ever answered: it must come within a bounded time. */
async function coveringHead({ url, vkey, agent, ledger, hasFailed }: Walk) {
  const deadline = performance.now() + COVERED_MS;
  for (;;) {
    const { floor } = ledger;
    const note = await get({ url, agent }, "checkpoint");
    ledger.shown(note.toString(), floor);
    const head = await openCheckpoint({ signedNote: note, logKeys: [parseVerifierKey(vkey)] });
    if (head.treeSize >= ledger.answeredSize) return head;
    if (performance.now() > deadline || hasFailed()) {
      throw new Error(`no checkpoint of ${ledger.answeredSize} entries within ${COVERED_MS} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function readBundle(at: Walk, index: number, treeSize: number): Promise<void> {
  const width = Math.min(TILE_WIDTH, treeSize - index * TILE_WIDTH);
  const path = formatBundlePath({ index, width });
  const entries = decodeBundle(await get(at, path), width);
  for (const [offset, entry] of entries.entries()) at.ledger.leaf(index * TILE_WIDTH + offset, entry);
}

async function readTile(at: Walk, tile: Tile): Promise<void> {
  const path = formatTilePath(tile);
  const bytes = await get(at, path);
  for (let offset = 0; offset < tile.width; offset++) {
    const wanted = at.ledger.tileHash(tile.level, tile.index * TILE_WIDTH + offset);
    const got = bytes.subarray(offset * 32, offset * 32 + 32);
    if (wanted === undefined || Buffer.compare(wanted, got) !== 0) {
      at.ledger.violations.push(`${path}: hash ${offset} is not that of the entries below it`);
      return;
    }
  }
}

/** What a witness cosigned is this log's, also what the log died before it heard of. */
async function readWitness(at: Walk, name: string): Promise<void> {
  const key = parseVerifierKey(at.vkey);
  const { status, body } = await ask(`${at.url}/witness/${name}/${originHash(key.name)}/checkpoint`, at);
  if (status === 404) return;
  const head = await openCheckpoint({ signedNote: body, logKeys: [key] });
  // It may have cosigned more than a quorum did.
  if (head.treeSize <= at.ledger.size) at.ledger.head(head, `witness ${name}`);
}

async function sampleOne(
  at: Walk,
  head: { readonly treeSize: number; readonly rootHash: Uint8Array },
): Promise<void> {
  const { ledger, random } = at;
  const placed = ledger.anyPlaced(random);
  if (placed !== undefined) {
    const { number, index } = placed;
    ledger.receipt((await get(at, `receipt/${index}`)).toString(), number);
    const entry = await get(at, `entry/${index}`);
    if (Buffer.compare(entry, entryNumbered(number)) !== 0) ledger.violations.push(`entry/${index} differs`);
    const found = await get(at, `lookup/${encodeHex(ledger.leafHash(index) ?? new Uint8Array(32))}`);
    const answer: { leafIndex?: unknown } = JSON.parse(found.toString());
    if (answer.leafIndex !== index) ledger.violations.push(`lookup of leaf ${index}: ${found.toString()}`);
  }
  const heads = [...ledger.heads.values()].filter(({ treeSize }) => treeSize <= head.treeSize);
  const earlier = heads[Math.floor(random() * heads.length)];
  if (earlier === undefined) return;
  const [fromSize, toSize] = [earlier.treeSize, head.treeSize];
  const text = (await get(at, `proof/consistency?from=${fromSize}&to=${toSize}`)).toString();
  const { proof }: { proof: readonly string[] } = JSON.parse(text);
  const hashes = proof.map((hash) => decodeHex(hash));
  const roots = { fromRoot: earlier.rootHash, toRoot: head.rootHash };
  try {
    verifyConsistency({ fromSize, toSize, ...roots, proof: hashes });
  } catch (error) {
    ledger.violations.push(`from ${earlier.from} of size ${fromSize} to ${toSize}: ${String(error)}`);
  }
}

async function get({ url, agent }: Pick<Walk, "url" | "agent">, path: string): Promise<Buffer> {
  const { status, body } = await ask(`${url}/${path}`, { agent });
  if (status !== 200) throw new Error(`GET /${path}: ${status} ${body.toString()}`);
  return body;
}
