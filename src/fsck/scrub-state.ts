/** What a scrub knows from before a restart: a file of two lines in the data directory. spec/storage.md, The directory */
import { TlogError } from "../errors.ts";
import type { Cause, Extent, Finding, FindingKind, Remedy } from "./finding.ts";
import { type CheckState, formatState, parseState } from "./state.ts";

/** A finding, and the slice it is of: one that is checked again takes its place. */
export interface StandingFinding extends Finding {
  /** Undefined: of what is checked only with a whole pass. */
  readonly slice?: number | undefined;
}

export interface ScrubState {
  /** Which copy of the log it is of. */
  readonly copy: string;
  /** When the first pass over this copy began, in milliseconds since 1970; undefined: none did. */
  readonly beganAtMs: number | undefined;
  /** Milliseconds since 1970, of the pass that is under way or was last; undefined: there was none. */
  readonly startedAtMs: number | undefined;
  /** When a whole pass last found nothing. */
  readonly lastPassedAtMs: number | undefined;
  /** Those that stand. */
  readonly findings: readonly StandingFinding[];
  /** How far the pass is; undefined: none is under way. */
  readonly pass: CheckState | undefined;
}

export function newScrub(copy: string): ScrubState {
  const none = { beganAtMs: undefined, startedAtMs: undefined, lastPassedAtMs: undefined, pass: undefined };
  return { copy, ...none, findings: [] };
}

const FORMAT = "bristlecone-scrub/v1";
/** Far more than are kept. */
const MAX_FINDINGS = 100_000;

export function formatScrubState({ pass, ...known }: ScrubState): string {
  const first = `${JSON.stringify({ format: FORMAT, ...known })}\n`;
  return pass === undefined ? first : `${first}${formatState(pass)}`;
}

/** @throws {TlogError} CONFIG_INVALID */
export function parseScrubState(text: string, path: string): ScrubState {
  const end = text.indexOf("\n");
  try {
    const fields = objectIn(JSON.parse(text.slice(0, end)));
    const { format, copy, beganAtMs, startedAtMs, lastPassedAtMs, findings } = fields;
    if (format !== FORMAT) throw new TlogError("ARGUMENT_INVALID", `want ${FORMAT}`);
    if (!Array.isArray(findings) || findings.length > MAX_FINDINGS) {
      throw new TlogError("ARGUMENT_INVALID", "want findings");
    }
    return {
      copy: textIn(copy),
      beganAtMs: optional(beganAtMs ?? startedAtMs, numberIn),
      startedAtMs: optional(startedAtMs, numberIn),
      lastPassedAtMs: optional(lastPassedAtMs, numberIn),
      findings: findings.map(findingIn),
      pass: end + 1 === text.length ? undefined : parseState(text.slice(end + 1), path),
    };
  } catch (cause) {
    throw new TlogError("CONFIG_INVALID", `${path}: it is not the state of a scrub, or damaged`, { cause });
  }
}

const KINDS: readonly FindingKind[] = [
  "entry",
  "bundle",
  "tile",
  "history",
  "undecided",
  "inner-nodes",
  "leaf-index",
  "row",
  "checkpoint",
  "store",
];
const CAUSES: readonly Cause[] = ["corruption", "tampering", "unknown"];
const REMEDIES: readonly Remedy[] = ["derive", "copy", "unknown"];

function findingIn(value: unknown): StandingFinding {
  const { kind, where, detail, cause, remedy, leafIndex, spoils, slice } = objectIn(value);
  return {
    kind: oneOf(KINDS, kind),
    where: textIn(where),
    detail: textIn(detail),
    cause: oneOf(CAUSES, cause),
    remedy: oneOf(REMEDIES, remedy),
    leafIndex: optional(leafIndex, numberIn),
    spoils: optional(spoils, (all) => (Array.isArray(all) ? all.map(extentIn) : [extentIn(all)])),
    slice: optional(slice, numberIn),
  };
}

function extentIn(value: unknown): Extent {
  const { level, from, to } = objectIn(value);
  return { level: level === "entries" ? level : numberIn(level), from: numberIn(from), to: numberIn(to) };
}

function oneOf<T>(all: readonly T[], value: unknown): T {
  const found = all.find((one) => one === value);
  if (found !== undefined) return found;
  throw new TlogError("ARGUMENT_INVALID", `want one of ${all.join(", ")}`);
}

function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined ? undefined : read(value);
}

function numberIn(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TlogError("ARGUMENT_INVALID", "want a whole number");
}

function textIn(value: unknown): string {
  if (typeof value === "string") return value;
  throw new TlogError("ARGUMENT_INVALID", "want text");
}

function objectIn(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null) return { ...value };
  throw new TlogError("ARGUMENT_INVALID", "want an object");
}
