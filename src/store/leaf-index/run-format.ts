/**
 * The bytes of a run, a file that is written once. spec/storage.md, "The leaf index"
 *
 *     page 0                4,096   header
 *     pages 1 to P          4,096   CRC-32, then up to 341 records: key (8), leaf index − from (4); ascending
 *     fences                8 * P   the first key of each page
 *     filter                64 * B  blocks of a Bloom filter
 *
 * Integers are unsigned and big-endian.
 */
import { crc32 } from "node:zlib";
import { TlogError } from "../../errors.ts";
import { decodeHex, encodeHex } from "../../tlog/encoding.ts";
import { BLOCK_BYTES, filterBlocks } from "./filter.ts";
import { KEY_BYTES, wordsOf } from "./key.ts";

export const PAGE_BYTES = 4096;
export const PAGE_HEADER_BYTES = 4;
export const RECORD_BYTES = KEY_BYTES + 4;
export const RECORDS_PER_PAGE = 341;

const MAGIC = new TextEncoder().encode("leaf run 1\n");
const MAGIC_BYTES = 12;
const STORE_ID_AT = MAGIC_BYTES;
const FROM_AT = STORE_ID_AT + 16;
const TO_AT = FROM_AT + 8;
const ROOT_AT = TO_AT + 8;
const RECORDS_AT = ROOT_AT + 32;
const FENCES_CRC_AT = RECORDS_AT + 4;
const FILTER_CRC_AT = FENCES_CRC_AT + 4;
const HEADER_CRC_AT = FILTER_CRC_AT + 4;
const TWO_32 = 2 ** 32;

/** What a run says of itself. */
export interface RunHeader {
  /** 32 lowercase hex digits. */
  readonly storeId: string;
  /** Leaves [from, to): a perfect subtree. */
  readonly from: number;
  readonly to: number;
  /** RFC 6962 root of that subtree: tells a run of this log from one of a fork. */
  readonly rootHash: Uint8Array;
  /** At most to - from: of equal leaf hashes, some may be left out but for the first. */
  readonly records: number;
  readonly fencesCrc: number;
  readonly filterCrc: number;
}

/** Where the parts of a run with so many records lie. */
export interface RunLayout {
  readonly pages: number;
  readonly fencesAt: number;
  readonly filterAt: number;
  readonly filterBytes: number;
  readonly fileBytes: number;
}

export function layoutOf(records: number): RunLayout {
  const pages = Math.ceil(records / RECORDS_PER_PAGE);
  const fencesAt = (1 + pages) * PAGE_BYTES;
  const filterAt = fencesAt + pages * KEY_BYTES;
  const filterBytes = filterBlocks(records) * BLOCK_BYTES;
  return { pages, fencesAt, filterAt, filterBytes, fileBytes: filterAt + filterBytes };
}

export function encodeHeader(header: RunHeader): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES);
  const words = wordsOf(bytes);
  bytes.set(MAGIC, 0);
  bytes.set(decodeHex(header.storeId), STORE_ID_AT);
  setUint64(words, FROM_AT, header.from);
  setUint64(words, TO_AT, header.to);
  bytes.set(header.rootHash, ROOT_AT);
  words.setUint32(RECORDS_AT, header.records);
  words.setUint32(FENCES_CRC_AT, header.fencesCrc);
  words.setUint32(FILTER_CRC_AT, header.filterCrc);
  words.setUint32(HEADER_CRC_AT, crc32(bytes.subarray(0, HEADER_CRC_AT)));
  return bytes;
}

/** @throws {TlogError} STORE_DAMAGED: no header, or one whose bytes changed. */
export function decodeHeader(bytes: Uint8Array): RunHeader {
  const words = wordsOf(bytes);
  const isWhole = bytes.length === PAGE_BYTES && MAGIC.every((byte, at) => bytes[at] === byte);
  if (!isWhole || words.getUint32(HEADER_CRC_AT) !== crc32(bytes.subarray(0, HEADER_CRC_AT))) {
    throw new TlogError("STORE_DAMAGED", "want the header of a leaf run, got other bytes");
  }
  return {
    storeId: encodeHex(bytes.subarray(STORE_ID_AT, FROM_AT)),
    from: getUint64(words, FROM_AT),
    to: getUint64(words, TO_AT),
    rootHash: bytes.slice(ROOT_AT, RECORDS_AT),
    records: words.getUint32(RECORDS_AT),
    fencesCrc: words.getUint32(FENCES_CRC_AT),
    filterCrc: words.getUint32(FILTER_CRC_AT),
  };
}

/** Whether the page's bytes are those that were written. */
export function isPageIntact(words: DataView, page: Uint8Array): boolean {
  return words.getUint32(0) === crc32(page.subarray(PAGE_HEADER_BYTES));
}

function setUint64(words: DataView, at: number, value: number): void {
  words.setUint32(at, Math.floor(value / TWO_32));
  words.setUint32(at + 4, value % TWO_32);
}

function getUint64(words: DataView, at: number): number {
  return words.getUint32(at) * TWO_32 + words.getUint32(at + 4);
}
