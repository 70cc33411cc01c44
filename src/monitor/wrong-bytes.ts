/**
 * `{"format":"bristlecone-wrong-bytes/v1","origin":"log.example.com/2026",…}`: bytes that a log served, and the signed checkpoint that they
 * contradict. Whoever has the log's key can see that they are not what was signed; that the log served them is the word of who kept them, for
 * nobody signs tiles.  spec/monitor.md
 */
import { sha256 } from "#crypto";
import { readEntries } from "../../client/entries.ts";
import { openFetcher } from "../../client/fetcher.ts";
import { readConsistency } from "../../client/proofs.ts";
import { memoryTiles } from "../../client/tile-cache.ts";
import { openTileSource } from "../../client/tile-source.ts";
import { orUndefined, TlogError } from "../errors.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import { decodeBase64, decodeUtf8, encodeBase64, encodeHex, encodeUtf8 } from "../tlog/encoding.ts";
import type { VerifierKey } from "../tlog/key.ts";
import { failureKind } from "./failure-kind.ts";
import type { ServedBytes } from "./served-bytes.ts";

export interface WrongBytes {
  readonly origin: string;
  /** Where they were served. */
  readonly url: string;
  /** When, in milliseconds since 1970, by the clock of who kept them. */
  readonly atMs: number;
  /** The signed note that they contradict. */
  readonly checkpoint: Uint8Array;
  /** What was asked for: leaves [start, end), or what leads from an older signed note to that one. */
  readonly asked: { readonly start: number; readonly end: number } | { readonly older: Uint8Array };
  readonly served: readonly ServedBytes[];
}

/** A bundle of 256 entries of 65,535 bytes in base64, and its tiles. */
export const MAX_WRONG_BYTES_CHARS = 24 * 1024 * 1024;
const FORMAT = "bristlecone-wrong-bytes/v1";
const MAX_SERVED = 256;

/** One line. */
export function formatWrongBytes({ origin, url, atMs, checkpoint, asked, served }: WrongBytes): string {
  const fields = {
    format: FORMAT,
    origin,
    url,
    at: new Date(atMs).toISOString(),
    checkpoint: decodeUtf8(checkpoint),
    ...("older" in asked ? { older: decodeUtf8(asked.older) } : { start: asked.start, end: asked.end }),
    served: served.map(({ path, body }) => ({ path, body: encodeBase64(body) })),
  };
  return `${JSON.stringify(fields)}\n`;
}

/** formatWrongBytes(parseWrongBytes(x)) is x. @throws {TlogError} EVIDENCE_MALFORMED */
export function parseWrongBytes(text: string): WrongBytes {
  const kept =
    text.length > MAX_WRONG_BYTES_CHARS ? undefined : orUndefined(() => wrongBytesIn(parseJson(text)));
  if (kept !== undefined && formatWrongBytes(kept) === text) return kept;
  throw new TlogError("EVIDENCE_MALFORMED", `want one line of JSON, ${FORMAT}, as a monitor writes it`);
}

/** The same of the same bytes against the same checkpoint, whenever they are served. 64 hex digits. */
export function wrongBytesId({ checkpoint, served }: WrongBytes): string {
  const parts = [checkpoint, ...served.flatMap(({ path, body }) => [encodeUtf8(path), body])];
  return encodeHex(sha256(encodeUtf8(parts.map((part) => encodeHex(sha256(part))).join("\n"))));
}

export interface WrongBytesVerdict {
  /** Of the checkpoint, whose signature verified. */
  readonly treeSize: number;
  /** What the bytes are not. */
  readonly contradiction: TlogError;
}

/**
 * Reads the bytes as a client does that was served them, offline.
 * @param logKeys - whom to believe; any one suffices.
 * @throws {TlogError} EVIDENCE_INVALID (they fit, or are not all there), and as openCheckpoint
 */
export async function verifyWrongBytes(
  kept: WrongBytes,
  logKeys: readonly VerifierKey[],
): Promise<WrongBytesVerdict> {
  const { origin, asked } = kept;
  const signal = undefined;
  const open = (signedNote: Uint8Array) => openCheckpoint({ signedNote, logKeys, expectedOrigin: origin });
  const head = await open(kept.checkpoint);
  const bodies = new Map(kept.served.map(({ path, body }) => [path, body]));
  const fetcher = openFetcher("http://kept.invalid/", {
    retry: { maxAttempts: 1 },
    fetch: async (url) => {
      const body = bodies.get(new URL(url).pathname.slice(1));
      return body === undefined ? new Response("", { status: 404 }) : new Response(new Uint8Array(body));
    },
  });
  const tiles = openTileSource({ origin, fetcher, cache: memoryTiles() });
  try {
    if ("older" in asked) {
      const sizes = { fromSize: (await open(asked.older)).treeSize, toSize: head.treeSize };
      await readConsistency({ tiles, head, signal }, sizes);
    } else for await (const _ of readEntries({ fetcher, tiles }, { head, ...asked, signal }));
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    if (failureKind(error) === "wrong-bytes") return { treeSize: head.treeSize, contradiction: error };
    throw new TlogError("EVIDENCE_INVALID", `they do not contradict the checkpoint: ${error.message}`, {
      cause: error,
    });
  }
  throw new TlogError("EVIDENCE_INVALID", "they are what the checkpoint commits to");
}

function wrongBytesIn(json: unknown): WrongBytes {
  const fields: Readonly<Record<string, unknown>> = Object(json);
  const { start, end, older, served } = fields;
  const at = Date.parse(string(fields.at));
  if (Number.isNaN(at) || !Array.isArray(served) || served.length > MAX_SERVED) throw malformed();
  return {
    origin: string(fields.origin),
    url: string(fields.url),
    atMs: at,
    checkpoint: encodeUtf8(string(fields.checkpoint)),
    asked:
      older === undefined ? { start: index(start), end: index(end) } : { older: encodeUtf8(string(older)) },
    served: served.map((one: unknown) => {
      const { path, body }: { path?: unknown; body?: unknown } = Object(one);
      return { path: string(path), body: decodeBase64(string(body)) };
    }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed();
  }
}

function string(value: unknown): string {
  if (typeof value === "string") return value;
  throw malformed();
}

function index(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed();
}

function malformed(): TlogError {
  return new TlogError("EVIDENCE_MALFORMED", "want what a monitor kept");
}
