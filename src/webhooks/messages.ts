/** What webhooks say: JSON with a type, a time and data that verify by themselves. */
import { createHash } from "node:crypto";
import { TlogError } from "../errors.ts";
import type { LogView } from "../log/log.ts";
import { leafHash } from "../merkle/hash.ts";
import { verifyInclusion } from "../merkle/inclusion.ts";
import { readToldEntries, type ToldEntry } from "../push/entry-events.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeBase64, decodeUtf8 } from "../tlog/encoding.ts";
import { parseNote } from "../tlog/note.ts";
import { parseTlogProof } from "../tlog/proof.ts";
import type { Place } from "./places.ts";
import type { WebhookSettings } from "./webhook-file.ts";

export type ToldLog = Pick<LogView, "origin" | "published" | "readEntries" | "receiptBytes">;

export interface Message {
  /** The same for the same message, however often it is sent. */
  readonly id: string;
  readonly body: string;
  /** How far the receiver knows the log with it. */
  readonly place: Place;
}

/** Entries of one message, and about how long it gets. */
const MAX_ENTRIES = 64;
const MAX_CHARS = 256 * 1024;

/** What there is to say to who knows the log as far as `from`; undefined: nothing. @throws {TlogError} STORE_DAMAGED, and as the log */
export async function nextMessage(
  log: ToldLog,
  {
    events,
    from,
    now,
  }: Pick<WebhookSettings, "events"> & { readonly from: Place; readonly now: () => number },
): Promise<Message | undefined> {
  const { treeSize, checkpoint } = log.published();
  const { origin } = log;
  const timestamp = new Date(now()).toISOString();
  if (events === "checkpoints") {
    const place = placeNow(log);
    if (treeSize < from.treeSize || (treeSize === from.treeSize && place.told === from.told)) {
      return undefined;
    }
    const data = { origin, treeSize, checkpoint: decodeUtf8(checkpoint) };
    const body = JSON.stringify({ type: "checkpoint.published", timestamp, data });
    return { id: `checkpoint_${tagOf(origin)}_${treeSize}_${place.told}`, body, place };
  }
  const start = from.treeSize;
  if (treeSize <= start) return undefined;
  const limits = { maxEntries: MAX_ENTRIES, maxChars: MAX_CHARS };
  const entries = await readToldEntries(log, { start, end: treeSize, ...limits });
  entries.forEach(verifyTold);
  const upTo = start + entries.length;
  const body = JSON.stringify({ type: "entries.published", timestamp, data: { origin, entries } });
  return { id: `entries_${tagOf(origin)}_${start}_${upTo}`, body, place: { treeSize: upTo } };
}

/**
 * The newest checkpoint as a place. `told` changes with its text and with the log's keys, so with what ends a log or changes its key at
 * the same size; not with cosignatures, which come one by one.
 */
export function placeNow(log: Pick<ToldLog, "origin" | "published">): Place {
  const { treeSize, checkpoint } = log.published();
  const { text, signatures } = parseNote(checkpoint);
  const keyIds = signatures.flatMap(({ name, keyId }) => (name === log.origin ? [keyId] : []));
  return { treeSize, told: tagOf(`${decodeUtf8(text)}\n${keyIds.sort().join()}`) };
}

/** Nobody asks for it again once it was answered: what is wrong on the disk is not told, and is when it is mended. */
function verifyTold({ leafIndex, entry, receipt }: ToldEntry): void {
  try {
    const { proof, checkpoint } = parseTlogProof(receipt);
    const { treeSize, rootHash } = parseCheckpoint(decodeUtf8(parseNote(checkpoint).text));
    verifyInclusion({ leafIndex, treeSize, rootHash, proof, leafHash: leafHash(decodeBase64(entry)) });
  } catch (cause) {
    throw new TlogError("STORE_DAMAGED", `entry ${leafIndex} is not the one its receipt is of`, { cause });
  }
}

/** Of an origin: one receiver may serve several logs. */
function tagOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
