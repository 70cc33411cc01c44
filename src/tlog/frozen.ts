/**
 * "Log frozen — 2026-11-22T04:00:00Z\nSuccessor example.com/2027+1f…+Ac… https://log.example.com/2027/\n": extension lines of the
 * last checkpoint of a log that ended. The first begins as Rekor's mark does. spec/frozen.md
 */
import { TlogError } from "../errors.ts";
import { ED25519, formatVerifierKey, parseVerifierKey } from "./key.ts";

/** What a log says when it ends. */
export interface Frozen {
  /** POSIX seconds. */
  readonly atSeconds: number;
  /** Where entries go from now on. */
  readonly successor: Successor | undefined;
}

export interface Successor {
  /** In its one spelling. Its name is the origin of the log that follows. */
  readonly vkey: string;
  /** Where it is served; undefined: not said. */
  readonly url: string | undefined;
}

const MARK = "Log frozen — ";
const SUCCESSOR = "Successor ";
/** The year 9999 ends there: later years have another form. ISO 8601 */
const MAX_SECONDS = 253_402_300_799;

/** @throws {TlogError} ARGUMENT_INVALID (a time that has no such form, a successor that is none) | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED */
export function formatFrozen({ atSeconds, successor }: Frozen): readonly string[] {
  if (!Number.isSafeInteger(atSeconds) || atSeconds < 0 || atSeconds > MAX_SECONDS) {
    throw new TlogError("ARGUMENT_INVALID", `atSeconds: want 0 to ${MAX_SECONDS}, got ${atSeconds}`);
  }
  const mark = `${MARK}${new Date(atSeconds * 1000).toISOString().replace(".000Z", "Z")}`;
  if (successor === undefined) return [mark];
  const { vkey, url } = successor;
  const text = url === undefined ? vkey : `${vkey} ${url}`;
  parseSuccessor(text);
  return [mark, `${SUCCESSOR}${text}`];
}

/**
 * What the extension lines of a checkpoint say of the log's end; formatFrozen(parseFrozen(x)) is x.
 * @returns undefined when they say nothing of it, or not exactly in this form.
 */
export function parseFrozen(extensions: readonly string[]): Frozen | undefined {
  const [mark = "", line, ...others] = extensions;
  if (!mark.startsWith(MARK) || others.length > 0) return undefined;
  const ms = Date.parse(mark.slice(MARK.length));
  if (!Number.isInteger(ms / 1000)) return undefined;
  const successor = line === undefined ? undefined : successorIn(line);
  if (line !== undefined && successor === undefined) return undefined;
  const frozen = { atSeconds: ms / 1000, successor };
  return isSpeltSo(frozen, extensions) ? frozen : undefined;
}

/**
 * Parses "VKEY [URL]".
 * @throws {TlogError} ARGUMENT_INVALID | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED
 */
export function parseSuccessor(text: string): Successor {
  const [vkey = "", url, ...others] = text.split(" ");
  const key = parseVerifierKey(vkey);
  // A log's checkpoints are known by their Ed25519 signature. c2sp.org/tlog-tiles
  if (key.type !== ED25519) throw new TlogError("ARGUMENT_INVALID", "successor: want an Ed25519 key");
  if (others.length > 0 || (url !== undefined && !isLogUrl(url))) {
    throw new TlogError("ARGUMENT_INVALID", "successor: want VKEY, or VKEY and an http:// or https:// URL");
  }
  return { vkey: formatVerifierKey(key), url };
}

function successorIn(line: string): Successor | undefined {
  if (!line.startsWith(SUCCESSOR)) return undefined;
  try {
    return parseSuccessor(line.slice(SUCCESSOR.length));
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

function isSpeltSo(frozen: Frozen, extensions: readonly string[]): boolean {
  if (frozen.atSeconds < 0 || frozen.atSeconds > MAX_SECONDS) return false;
  return formatFrozen(frozen).join("\n") === extensions.join("\n");
}

/** A URL without white space and control characters, which stands in a line of its own. */
function isLogUrl(url: string): boolean {
  return /^https?:\/\/[!-~]+$/.test(url) && URL.canParse(url);
}
