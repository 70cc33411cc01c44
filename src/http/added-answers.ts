import type { Appended } from "../log/log.ts";
import { encodeHex } from "../tlog/encoding.ts";
import type { Answer } from "./exchange.ts";
import { WRITE_HEADERS } from "./headers.ts";
import { RECEIPT_TYPE } from "./receipts.ts";

/** What `POST /add` may answer with, the default first. */
export const ADD_TYPES = ["text/plain", "application/json", RECEIPT_TYPE] as const;

export const INDEX_HEADERS = { ...WRITE_HEADERS, "Content-Type": "text/plain; charset=utf-8" } as const;

export const ADDED_JSON_HEADERS = { ...WRITE_HEADERS, "Content-Type": "application/json" } as const;

/** The headers of an index of each length: the same objects for every answer. */
const INDEX_HEADERS_BY_LENGTH = Array.from(
  { length: 1 + String(Number.MAX_SAFE_INTEGER).length },
  (_, length) => Object.freeze({ ...INDEX_HEADERS, "Content-Length": String(length) }),
);

/** An entry's leaf index, as text. */
export function indexAnswer(added: Appended): Answer {
  const body = String(added.leafIndex);
  return { status: 200, headers: INDEX_HEADERS_BY_LENGTH[body.length] ?? INDEX_HEADERS, body, added };
}

/** All there is to say of an entry that was added, as JSON. */
export function appendedAnswer(added: Appended): Answer {
  const { leafIndex, leafHash, duplicate } = added;
  const body = JSON.stringify({ leafIndex, leafHash: encodeHex(leafHash), duplicate });
  const headers = { ...ADDED_JSON_HEADERS, "Content-Length": String(body.length) };
  return { status: 200, headers, body, added };
}
