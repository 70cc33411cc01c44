export type Level = "MUST" | "SHOULD" | "MAY" | "practice";

/** The chapter of a document that a case comes from. */
export interface Place {
  readonly document: string;
  readonly section: string;
}

export const ADD_CHECKPOINT: Place = { document: "c2sp.org/tlog-witness", section: "add-checkpoint" };
export const SIGN_SUBTREE: Place = { document: "c2sp.org/tlog-witness", section: "sign-subtree" };
export const MONITOR: Place = { document: "c2sp.org/tlog-witness", section: "Monitor Retrieval Mechanism" };
export const HTTP_INTERFACE: Place = { document: "c2sp.org/tlog-witness", section: "HTTP Interface" };
export const NOTE_TEXT: Place = { document: "c2sp.org/tlog-checkpoint", section: "Note text" };
export const NOTE_FORMAT: Place = { document: "c2sp.org/signed-note", section: "Format" };
export const NOTE_SIGNATURES: Place = { document: "c2sp.org/signed-note", section: "Signatures" };
export const COSIGNATURE_FORMAT: Place = { document: "c2sp.org/tlog-cosignature", section: "Format" };
export const ED25519_MESSAGE: Place = {
  document: "c2sp.org/tlog-cosignature",
  section: "Ed25519 signed message",
};
export const ML_DSA_MESSAGE: Place = {
  document: "c2sp.org/tlog-cosignature",
  section: "ML-DSA-44 signed message",
};

export type Edit =
  | { readonly replace: string; readonly which: "first" | "last" | "all"; readonly with: string }
  | { readonly append: string }
  | { readonly cut: number }
  | { readonly gzip: true };

export interface Recipe {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "OPTIONS";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly lines?: readonly string[];
  readonly text?: readonly string[];
  readonly signatures?: readonly string[];
  readonly edits?: readonly Edit[];
}

export interface Expectation {
  readonly status: readonly number[];
  readonly later?: readonly number[];
  readonly otherRefusal?: "warn";
  readonly closed?: "met";
  readonly contentType?: string;
  readonly body?: string;
  readonly checks?: readonly string[];
}

/** What a case is beside where it comes from. */
export type WitnessCase = {
  readonly name: string;
  readonly requirement: string;
  readonly level: Level;
  readonly document: string;
  readonly section: string;
  readonly note?: string;
  /** "main" unless said. */
  readonly log: string;
  readonly state?: "never" | "cosigned" | "discovers" | "any";
  readonly needs?: readonly ("monitoring" | "subtrees" | "witness-keys" | "ml-dsa")[];
  readonly request: Recipe;
  readonly sets?: string;
  readonly subtree?: readonly [string, string];
  readonly expect?: Expectation;
  readonly open?: string;
};

type Rest = Omit<WitnessCase, "name" | "requirement" | "level" | "document" | "section" | "log"> & {
  readonly log?: string;
};

/** A case's members in the order they are written. Nearly all ask about a log the witness has cosigned. */
export function witnessCase(
  place: Place,
  level: Level,
  name: string,
  requirement: string,
  { log = "main", ...rest }: Rest,
): WitnessCase {
  const state = log === "unknown" || rest.request.method !== "POST" ? {} : { state: "cosigned" as const };
  return { name, requirement, level, ...place, log, ...state, ...rest };
}

/** A good add-checkpoint request from one size to another, with some of it changed. */
export function submission(from: string, to: string, change: Partial<Recipe> = {}): Recipe {
  return {
    method: "POST",
    path: "add-checkpoint",
    lines: [`old {${from}}`, `{proof ${from} ${to}}`],
    ...checkpoint(to),
    ...change,
  };
}

/** The checkpoint of a size with the log's signature. */
export function checkpoint(size: string): Pick<Recipe, "text" | "signatures"> {
  return { text: ["{origin}", `{${size}}`, `{root ${size}}`], signatures: ["{sign log}"] };
}

/** A request that is malformed is refused by 400: no document says it, all peers do it. */
export const MALFORMED: Expectation = { status: [400] };

/**
 * The log signs what no checkpoint is, or it is no signed note: it must not be cosigned. Which status that is, is left open: 400 for what
 * is malformed, 403 where no signature of a trusted key can be found in it, 404 for an origin, 422 for a proof.
 */
export const NOT_COSIGNED: Expectation = { status: [400, 403, 404, 422], otherRefusal: "warn" };

/** What a good checkpoint is answered. */
export const COSIGNED: Expectation = { status: [200], checks: ["lines"] };

export const EITHER_FIRST = "The document does not say which of them comes first.";

/** An unknown origin is 404; and 403, since it has no trusted key that could have signed. */
export const UNKNOWN_ORIGIN: readonly number[] = [404, 403];
