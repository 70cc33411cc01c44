/**
 * What lies beside the copy in a backup: `backup.json`, written last. A backup without it is not whole.
 *
 * {"format":"bristlecone-backup/v1","origin":"example.com/log","storeId":"5591…","treeSize":20852163,"publishedSize":20852100,
 *  "bytes":6442450944,"sha256":"9f86…","madeAt":"2026-11-22T04:10:00.000Z","rootHash":"CsUY…="}
 */
import { orUndefined, TlogError } from "../errors.ts";
import { decodeBase64, decodeUtf8, encodeBase64 } from "../tlog/encoding.ts";

export const MANIFEST_FILE = "backup.json";
export const MAX_MANIFEST_BYTES = 65_536;
const FORMAT = "bristlecone-backup/v1";

export interface Manifest {
  readonly origin: string;
  /** 32 lowercase hex digits: which store. */
  readonly storeId: string;
  /** Integrated: entries that were answered. */
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  /** Of the last published checkpoint; undefined before the first. */
  readonly publishedSize: number | undefined;
  /** Of data.mdb. */
  readonly bytes: number;
  /** Of data.mdb, 64 lowercase hex digits. */
  readonly sha256: string;
  /** RFC 3339, UTC. For people. */
  readonly madeAt: string;
}

/** One line. */
export function formatManifest({ rootHash, ...rest }: Manifest): string {
  return `${JSON.stringify({ format: FORMAT, ...rest, rootHash: encodeBase64(rootHash) })}\n`;
}

/** @throws {TlogError} BACKUP_DAMAGED */
export function parseManifest(bytes: Uint8Array): Manifest {
  const fields = orUndefined(() => jsonObject(decodeUtf8(bytes)));
  if (fields === undefined) throw new TlogError("BACKUP_DAMAGED", `${MANIFEST_FILE}: want a JSON object`);
  if (fields.format !== FORMAT) {
    throw new TlogError(
      "BACKUP_DAMAGED",
      `${MANIFEST_FILE}: want format ${FORMAT}, got ${String(fields.format)}`,
    );
  }
  return {
    origin: text(fields, "origin", /^[^\n]+$/),
    storeId: text(fields, "storeId", /^[0-9a-f]{32}$/),
    treeSize: size(fields, "treeSize"),
    rootHash: hash(fields, "rootHash"),
    publishedSize: fields.publishedSize === undefined ? undefined : size(fields, "publishedSize"),
    bytes: size(fields, "bytes"),
    sha256: text(fields, "sha256", /^[0-9a-f]{64}$/),
    madeAt: text(fields, "madeAt", /^[0-9T:.Z-]{20,30}$/),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function jsonObject(json: string): Fields {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Said below.
  }
  throw new TlogError("BACKUP_DAMAGED", `${MANIFEST_FILE}: want a JSON object`);
}

function text(fields: Fields, name: string, pattern: RegExp): string {
  const value = fields[name];
  if (typeof value === "string" && pattern.test(value)) return value;
  throw wrong(name);
}

function size(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong(name);
}

function hash(fields: Fields, name: string): Uint8Array {
  const bytes = orUndefined(() => decodeBase64(text(fields, name, /^[A-Za-z0-9+/=]{44}$/)));
  if (bytes?.length === 32) return bytes;
  throw wrong(name);
}

function wrong(name: string): TlogError {
  return new TlogError("BACKUP_DAMAGED", `${MANIFEST_FILE}: the field ${name} is missing or malformed`);
}
