import { TlogError } from "../errors.ts";
import { HASH_BYTES, leafHash } from "../merkle/hash.ts";
import { decodeHex, parseDecimal } from "../tlog/encoding.ts";
import { MAX_ENTRY_BYTES } from "../tlog/entry-bundle.ts";
import { type Call, onlyOneOf, textFlag } from "./command.ts";
import { readSmallFile } from "./files.ts";

/** The entry a command is about. */
export interface NamedEntry {
  readonly leafHash: Uint8Array;
  /** How the person named it: a file with its size, or "leaf hash". */
  readonly words: string;
}

/**
 * The entry of --entry FILE (all bytes of the file; - for standard input) or --leaf-hash HEX.
 * @returns undefined when neither was given.
 * @throws {TlogError} USAGE | FILE_UNREADABLE | ENTRY_TOO_LARGE
 */
export async function entryFlag({ flags, stdin }: Call): Promise<NamedEntry | undefined> {
  const given = onlyOneOf(flags, ["entry", "leafHash"]);
  if (given === undefined) return undefined;
  const text = textFlag(flags, given) ?? "";
  if (given === "leafHash") return { leafHash: parseLeafHash(text), words: "the entry with this leaf hash" };
  const entry = await readSmallFile(text, { maxBytes: MAX_ENTRY_BYTES, tooLarge: "ENTRY_TOO_LARGE", stdin });
  return { leafHash: leafHash(entry), words: `${text} (${entry.length} bytes)` };
}

/** A leaf index or other whole number from the command line. @throws {TlogError} USAGE, also above `max` */
export function indexArgument(name: string, text: string | undefined, max?: number): number {
  return usage(name, () => parseDecimal(text ?? "", max === undefined ? {} : { max }));
}

/** @throws {TlogError} USAGE */
export function parseLeafHash(hex: string): Uint8Array {
  const hash = usage("--leaf-hash", () => decodeHex(hex));
  if (hash.length === HASH_BYTES) return hash;
  throw new TlogError("USAGE", `--leaf-hash: want ${2 * HASH_BYTES} lowercase hex digits, got ${hex.length}`);
}

/** What is malformed here is the command line, not somebody's evidence. */
function usage<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("USAGE", `${name}: ${cause.message}`, { cause });
  }
}
