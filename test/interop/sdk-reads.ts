/** What our client has to do with a log that others serve, and what it has to notice. */
import { expect } from "vitest";
import type { FetchFunction } from "../../client/fetcher.ts";
import type { CheckpointMemory } from "../../client/index.ts";
import { type LogClient, openLogClient, verifyReceipt } from "../../client/index.ts";
import type { TrustIn } from "../../client/policy.ts";
import { verifyConsistency } from "../../src/merkle/consistency.ts";
import { verifyInclusion } from "../../src/merkle/inclusion.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";

/** A log as others serve it. */
export interface ServedLog {
  readonly url: string;
  readonly trust: TrustIn;
  /** All it has, in order. */
  readonly entries: readonly Uint8Array[];
}

export function clientOf(
  { url, trust }: Omit<ServedLog, "entries">,
  options: { readonly fetch?: FetchFunction; readonly checkpoints?: CheckpointMemory } = {},
): LogClient {
  return openLogClient({ url, ...trust, ...options });
}

/** Reads all of it, one after the other and following; proves and checks; compares each root with the naive tree's. */
export async function readWhole(log: ServedLog): Promise<void> {
  const { entries } = log;
  const client = clientOf(log);
  const tree = new ReferenceTree(entries.map(leafHashOf));
  const head = await client.checkpoint();
  expect(head).toMatchObject({ treeSize: entries.length, rootHash: tree.root(entries.length) });
  let count = 0;
  for await (const { leafIndex, entry } of client.entries()) {
    expect(leafIndex).toBe(count);
    expect(entry).toEqual(entries[leafIndex]);
    count += 1;
  }
  expect(count).toBe(entries.length);
  const followed: Uint8Array[] = [];
  const from = entries.length - 300;
  for await (const { entry } of client.follow({ from, skipPartialBundles: false })) {
    if (followed.push(entry) === 300) break;
  }
  expect(followed).toEqual(entries.slice(from));
  for (const leafIndex of [0, 255, 256, entries.length - 1]) await checkOne(client, log, leafIndex);
  for (const fromSize of [1, 255, 256, 257, entries.length - 1]) {
    const between = await client.consistency({ fromSize, toSize: entries.length });
    expect(between.fromRoot).toEqual(tree.root(fromSize));
    verifyConsistency(between);
  }
}

async function checkOne(client: LogClient, { entries, trust }: ServedLog, leafIndex: number): Promise<void> {
  const wanted = entries[leafIndex] ?? new Uint8Array();
  expect((await client.entry(leafIndex)).entry).toEqual(wanted);
  verifyInclusion(await client.inclusion({ leafIndex }));
  const { text } = await client.receipt(leafIndex);
  expect(await verifyReceipt({ receipt: text, entry: wanted, ...trust })).toMatchObject({ leafIndex });
}

/** The network with one thing in it that changes one answer. */
export function bent(path: RegExp, change: (body: Uint8Array) => Uint8Array<ArrayBuffer>): FetchFunction {
  return async (url, init) => {
    const answer = await fetch(url, init);
    if (!answer.ok || !path.test(new URL(url).pathname)) return answer;
    return new Response(change(new Uint8Array(await answer.arrayBuffer())), { status: 200 });
  };
}

function lastBitTurned(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(body);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}

/** In the middle of the first signature, where every digit stands for six bits of the signature. */
function signatureChanged(note: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = new TextDecoder().decode(note);
  const at = text.indexOf(" ", text.indexOf("\n— ") + 3) + 41;
  return new TextEncoder().encode(`${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`);
}

/** One byte changed on the way, and what our client then says. */
export const BROKEN = [
  { what: "a tile byte", fetch: bent(/\/tile\/0\//, lastBitTurned), code: "ROOT_MISMATCH" },
  { what: "a byte of the tile above", fetch: bent(/\/tile\/1\//, lastBitTurned), code: "ROOT_MISMATCH" },
  { what: "an entry byte", fetch: bent(/\/tile\/entries\//, lastBitTurned), code: "ENTRY_MISMATCH" },
  { what: "a signature byte", fetch: bent(/\/checkpoint$/, signatureChanged), code: "SIGNATURE_INVALID" },
] as const;

export async function readAll(client: LogClient): Promise<number> {
  let count = 0;
  for await (const { leafIndex } of client.entries()) count = leafIndex + 1;
  return count;
}
