/** What can be rehearsed, and what comes of it. */
import type { Policy } from "../tlog/policy.ts";
import type { Figure, Notes, Step } from "./notes.ts";
import type { Place, Stage } from "./stage.ts";

export const REHEARSAL_NAMES = [
  "crash",
  "restore",
  "fork",
  "lost-witness",
  "full-disk",
  "key-rotation",
] as const;
export type RehearsalName = (typeof REHEARSAL_NAMES)[number];

/** What a rehearsal works with; all of it is gone afterwards. */
export interface Scene {
  readonly stage: Stage;
  readonly notes: Notes;
  /** Copies the log again, for this rehearsal alone. */
  readonly copyLog: (name: string) => Promise<Place>;
  /** A program that runs the commands of this package: the command line before the command. Undefined: there is none. */
  readonly program: readonly string[] | undefined;
  /** Whose groups and quorum are rehearsed, with witnesses of the drill's own; undefined: three, of which two. */
  readonly policy: Policy | undefined;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

export interface Rehearsal {
  readonly name: RehearsalName;
  /** What is rehearsed, in a line. */
  readonly title: string;
  /** How many copies of the log it makes at most, beside the first. */
  readonly copies: number;
  /** Why it cannot be tried here: then it is skipped. Undefined: it can. */
  readonly obstacle?: (scene: Pick<Scene, "program" | "policy">) => string | undefined;
  /** What to do when it fails. */
  readonly advice: string;
  /** @throws {TlogError} CHECKUP_FAILED, and whatever else goes wrong */
  readonly run: (scene: Scene) => Promise<void>;
}

/** Of a rehearsal that starts servers as processes of their own. */
export function wantsProgram({ program }: Pick<Scene, "program">): string | undefined {
  return program === undefined ? "it starts servers as processes, and no program was given" : undefined;
}

/** "passed": all was as expected. "failed": something was not. "skipped": it could not be tried here. */
export type DrillVerdict = "passed" | "failed" | "skipped";

export interface RehearsalResult {
  readonly name: RehearsalName;
  readonly title: string;
  readonly verdict: DrillVerdict;
  readonly steps: readonly Step[];
  readonly figures: readonly Figure[];
  /** Why it failed or was skipped. */
  readonly reason: string | undefined;
  readonly advice: string | undefined;
  readonly seconds: number;
}
