import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { LogClient } from "../../client/log-client.ts";
import type { AppendedEntry } from "../../client/submit.ts";
import { TlogError } from "../errors.ts";
import { encodeHex } from "../tlog/encoding.ts";
import type { Call } from "./command.ts";
import {
  type EntrySources,
  inBatches,
  readSources,
  type SourceEntry,
  type SourceTotals,
} from "./entry-source.ts";
import { exitCodeOf } from "./exit-code.ts";
import { makeFolder, replaceFile } from "./files.ts";
import { inFlight } from "./in-flight.ts";
import { openProgress } from "./progress.ts";

/** Where entries go, and how. */
export interface EntryDestination {
  readonly client: LogClient;
  readonly limits: { readonly maxEntries: number; readonly maxBytes: number };
  /** Batches under way at once. With 1, leaf indices follow the order of the input. */
  readonly inFlight: number;
  /** undefined: no receipts. */
  readonly receiptsDirectory: string | undefined;
}

export interface AddSummary {
  /** Entries in the input. */
  readonly entries: number;
  /** Those that were not in the log before. */
  readonly added: number;
  /** Receipts saved: one for each index. */
  readonly receipts: number;
  /** A verified checkpoint that covers all of them was seen. */
  readonly published: boolean;
  readonly elapsedMs: number;
}

/** An entry that is durable, and where its receipt was saved. */
interface AddedEntry extends AppendedEntry {
  readonly from: SourceEntry;
  readonly receiptPath: string | undefined;
}

/** Receipts fetched at once, for each batch. */
const RECEIPTS_IN_FLIGHT = 16;
const LONGEST_PAUSE_MS = 3_000;

/**
 * Streams the sources to the log: memory holds the batches under way, whatever the size of the input.
 * @throws {TlogError} INCOMPLETE, with what had been added, when something fails after the first batch; before it, and when
 *   something failed to verify, the failure itself.
 */
export async function addEntries(
  call: Call,
  {
    sources,
    totals,
    destination,
  }: {
    readonly sources: EntrySources;
    readonly totals: SourceTotals;
    readonly destination: EntryDestination;
  },
): Promise<AddSummary> {
  const startedMs = call.now();
  const progress = openProgress(call.output, { totalBytes: totals.bytes, now: call.now });
  let entries = 0;
  let added = 0;
  let receipts = 0;
  let bytes = 0;
  let lastIndex = -1;
  if (destination.receiptsDirectory !== undefined)
    await makeFolder(destination.receiptsDirectory, { mode: 0o777 });
  const batches = inBatches(readSources(sources), destination.limits);
  try {
    for await (const batch of inFlight(batches, destination.inFlight, (items) =>
      addBatch(call, destination, items),
    )) {
      for (const item of batch) {
        entries += 1;
        lastIndex = Math.max(lastIndex, item.leafIndex);
        bytes += item.from.entry.length + 1; // and its newline: near enough for a bar
        if (item.duplicate !== true) added += 1;
        if (item.receiptPath !== undefined) receipts += 1;
        await printAdded(call, sources.rule, item);
      }
      progress.advance({ entries, bytes });
    }
  } catch (error) {
    throw entries === 0 || exitCodeOf(error) === 1 ? error : incomplete(error, entries, call.signal);
  } finally {
    progress.end();
  }
  const published = lastIndex < 0 || (await isSeenPublished(destination.client, lastIndex, call.signal));
  return { entries, added, receipts, published, elapsedMs: Math.round(call.now() - startedMs) };
}

async function addBatch(
  { signal }: Call,
  { client, receiptsDirectory }: EntryDestination,
  batch: readonly SourceEntry[],
): Promise<readonly AddedEntry[]> {
  const appended = await client.appendBatch(
    batch.map(({ entry }) => entry),
    { signal },
  );
  const items = appended.flatMap((item, position) => {
    const from = batch[position];
    return from === undefined ? [] : [{ ...item, from, receiptPath: undefined }];
  });
  if (receiptsDirectory === undefined) return items;
  await isPublished(client, Math.max(...items.map(({ leafIndex }) => leafIndex)), signal);
  const saved: AddedEntry[] = [];
  const save = async (item: AddedEntry): Promise<AddedEntry> => {
    const { leafIndex, leafHash } = item;
    const receiptPath = join(receiptsDirectory, `${leafIndex}.tlog-proof`);
    const receipt = await client.waitForReceipt(leafIndex, { leafHash, signal });
    await replaceFile(receiptPath, receipt.text);
    return { ...item, receiptPath };
  };
  for await (const item of inFlight(each(items), RECEIPTS_IN_FLIGHT, save)) saved.push(item);
  return saved;
}

/**
 * Looks for a verified checkpoint that covers the leaf: who reads next finds the entry, and receipts need not each be
 * asked for twice. @returns false when none came in some three seconds.
 */
async function isPublished(client: LogClient, leafIndex: number, signal: AbortSignal): Promise<boolean> {
  for (let pauseMs = 25; pauseMs < LONGEST_PAUSE_MS; pauseMs *= 2) {
    if ((await client.checkpoint({ signal })).treeSize > leafIndex) return true;
    await setTimeout(pauseMs, undefined, { signal });
  }
  return false;
}

/** As {@link isPublished}; false too when the log cannot be asked: the entries are in it all the same. */
async function isSeenPublished(client: LogClient, leafIndex: number, signal: AbortSignal): Promise<boolean> {
  try {
    return await isPublished(client, leafIndex, signal);
  } catch (error) {
    const exitCode = exitCodeOf(error);
    if (!signal.aborted && (exitCode === 3 || exitCode === 4)) return false;
    throw error;
  }
}

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

/** Whole files are few and each has a name: a line each. Lines and paragraphs are many: only programs want them all. */
async function printAdded({ output }: Call, rule: EntrySources["rule"], item: AddedEntry): Promise<void> {
  if (rule !== "whole" && !output.isJson) return;
  const { leafIndex, duplicate, from, receiptPath } = item;
  const { source, line } = from;
  const notes = [
    duplicate === true ? " (already there)" : "",
    receiptPath === undefined ? "" : `, receipt ${receiptPath}`,
  ];
  await output.result({
    text: `${source} is entry ${leafIndex}${notes.join("")}`,
    json: { leafIndex, leafHash: encodeHex(item.leafHash), duplicate, source, line, receipt: receiptPath },
  });
}

function incomplete(error: unknown, entries: number, signal: AbortSignal): unknown {
  if (!(error instanceof TlogError) && !signal.aborted) return error;
  const reason = error instanceof TlogError && !signal.aborted ? error.message : "interrupted";
  const message = `${reason}; at least ${entries} entries are in the log, adding the same input again adds the rest (and all of it, where the log allows duplicates)`;
  return new TlogError("INCOMPLETE", message, { cause: error });
}
