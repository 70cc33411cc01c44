import { createHash } from "node:crypto";
import { TlogError } from "../errors.ts";
import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8, parseDecimal } from "../tlog/encoding.ts";
import type { GuardedHead, GuardedKeys, GuardRecord } from "./guard.ts";

/*
 * bristlecone-guard/v2
 * sequence 12
 * origin example.com/log
 * store 5f0c…
 * epoch 3
 * lineage 91ab…
 * next -
 * signed 20852163 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
 * keys 1 fQ3o…
 * checksum <SHA-256 of the lines above, hex>
 *
 * The file is two such slots of 4096 bytes, padded with newlines. Writes alternate between them, and each is durable before the next:
 * a write torn by a power cut leaves the other slot, and what the torn one recorded was never signed. v1 has no line `keys`, and is what a log
 * or witness has whose keys never changed. spec/storage.md
 */
export const FORMAT = "bristlecone-guard/";
export const SLOT_BYTES = 4096;
export const SLOTS = 2;

export interface Slot {
  readonly sequence: number;
  readonly record: GuardRecord;
}

/** The record that counts. @throws {TlogError} GUARD_MALFORMED when neither is whole. */
export function newestSlotIn(bytes: Uint8Array, location: string): Slot {
  let newest: Slot | undefined;
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const found = parseSlot(bytes.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES));
    if (found !== undefined && (newest === undefined || found.sequence > newest.sequence)) newest = found;
  }
  if (newest === undefined) {
    throw new TlogError("GUARD_MALFORMED", `guard ${location}: neither of its two records is whole`);
  }
  return newest;
}

export function formatSlot({ sequence, record }: Slot): Uint8Array {
  const { keys } = record;
  const lines = [
    `${FORMAT}${keys === undefined ? "v1" : "v2"}`,
    `sequence ${sequence}`,
    `origin ${record.origin}`,
    `store ${record.storeId}`,
    `epoch ${record.epoch}`,
    `lineage ${record.lineage}`,
    `next ${record.nextLineage ?? "-"}`,
    `signed ${record.signed === undefined ? "-" : `${record.signed.treeSize} ${encodeBase64(record.signed.rootHash)}`}`,
    ...(keys === undefined ? [] : [`keys ${keys.changes} ${encodeBase64(keys.lastChange)}`]),
  ];
  const text = encodeUtf8(`${lines.join("\n")}\n`);
  const sealed = encodeUtf8(`checksum ${checksum(text)}\n`);
  const slot = new Uint8Array(SLOT_BYTES).fill(0x0a);
  if (text.length + sealed.length > SLOT_BYTES) {
    throw new TlogError(
      "GUARD_FAILED",
      `the guard's record wants ${text.length + sealed.length} bytes, has room for ${SLOT_BYTES}`,
    );
  }
  slot.set(text);
  slot.set(sealed, text.length);
  return slot;
}

const SLOT_PATTERN =
  /^bristlecone-guard\/(v1|v2)\nsequence (\d+)\norigin ([^\n]+)\nstore ([0-9a-f]{32})\nepoch (\d+)\nlineage ([0-9a-f]{32})\nnext (-|[0-9a-f]{32})\nsigned (-|\d+ [A-Za-z0-9+/=]{44})\n(?:keys ([1-9]\d* [A-Za-z0-9+/=]{44})\n)?checksum ([0-9a-f]{64})\n+$/;

/** @returns undefined for a slot that is empty, torn or damaged: the other one then decides. */
function parseSlot(bytes: Uint8Array): Slot | undefined {
  try {
    return parseSlotText(decodeUtf8(bytes));
  } catch {
    return undefined;
  }
}

function parseSlotText(text: string): Slot | undefined {
  const match = SLOT_PATTERN.exec(text);
  if (match === null) return undefined;
  const [
    ,
    version,
    sequence = "",
    origin = "",
    storeId = "",
    epoch = "",
    lineage = "",
    next = "",
    signed = "",
    keys,
    sum = "",
  ] = match;
  if ((version === "v2") !== (keys !== undefined)) return undefined;
  if (checksum(encodeUtf8(text.slice(0, text.lastIndexOf("checksum ")))) !== sum) return undefined;
  const nextLineage = next === "-" ? undefined : next;
  return {
    sequence: parseDecimal(sequence),
    record: {
      origin,
      storeId,
      epoch: parseDecimal(epoch),
      lineage,
      nextLineage,
      signed: parseSigned(signed),
      keys: parseKeys(keys),
    },
  };
}

function parseSigned(text: string): GuardedHead | undefined {
  if (text === "-") return undefined;
  const [treeSize = "", rootHash = ""] = text.split(" ");
  return { treeSize: parseDecimal(treeSize), rootHash: decodeBase64(rootHash) };
}

function parseKeys(text: string | undefined): GuardedKeys | undefined {
  if (text === undefined) return undefined;
  const [changes = "", lastChange = ""] = text.split(" ");
  return { changes: parseDecimal(changes), lastChange: decodeBase64(lastChange) };
}

function checksum(text: Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}
