/** What Bristlecone answers beyond C2SP tlog-tiles: shortcuts, which other logs do not have and no client depends on. */
import { TlogError } from "../src/errors.ts";
import { decodeUtf8 } from "../src/tlog/encoding.ts";
import { RemoteRefusedError } from "./errors.ts";

/** Tries a shortcut, and takes the long way by tiles when the log does not have it; asks a log without it only once. */
export type Shortcut = <T>(route: string, byRoute: () => Promise<T>, byTiles: () => Promise<T>) => Promise<T>;

export function openShortcuts(): Shortcut {
  const missing = new Set<string>(); // owned by the function below
  return async (route, byRoute, byTiles) => {
    if (missing.has(route)) return byTiles();
    try {
      return await byRoute();
    } catch (error) {
      if (!isRouteMissing(error)) throw error;
      missing.add(route);
      return byTiles();
    }
  };
}

/** A refusal that is about the route, not about what was asked for. Buckets say 403 for what they do not have. */
function isRouteMissing(error: unknown): boolean {
  if (!(error instanceof RemoteRefusedError) || ![400, 403, 404, 405, 501].includes(error.status))
    return false;
  return error.problemCode === undefined || error.problemCode === "NOT_FOUND";
}

/**
 * Turns the log's own "no such entry" and "not covered yet" into this client's codes; anything else is thrown as it is.
 * The refusal stays the cause: it knows the Retry-After.
 */
export function rethrowAbsence(error: unknown): never {
  if (error instanceof RemoteRefusedError) {
    const { problemCode } = error;
    if (problemCode === "ENTRY_UNKNOWN" || problemCode === "NOT_PUBLISHED") {
      throw new TlogError(problemCode, error.message, { cause: error });
    }
  }
  throw error;
}

/** @throws {TlogError} REMOTE_MALFORMED unless the body is a JSON object. */
export function decodeJsonObject(body: Uint8Array): Readonly<Record<string, unknown>> {
  const value = parseJson(body);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new TlogError("REMOTE_MALFORMED", "want a JSON object");
}

/** A leaf index or position from a JSON body. @throws {TlogError} REMOTE_MALFORMED; a number JSON rounds is refused too. */
export function indexFrom(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TlogError("REMOTE_MALFORMED", "want a leaf index");
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(body));
  } catch (cause) {
    throw new TlogError("REMOTE_MALFORMED", "want a JSON object", { cause });
  }
}
