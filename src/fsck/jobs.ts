/** The pieces a check is cut into, so that several processes work on it, and one that dies takes little along. */

import type { LeafRange } from "../store/leaf-index/run-file.ts";
import type { AuditedRows } from "../store/lmdb-audit.ts";
import type { Found } from "./finding.ts";
import type { SliceJob, SliceResult } from "./slice.ts";
import type { SpineTile } from "./spine.ts";

/** What is checked. */
export type Target =
  | { readonly kind: "store"; readonly directory: string }
  | { readonly kind: "folder"; readonly directory: string }
  | { readonly kind: "url"; readonly url: string; readonly timeoutMs: number };

export type TableName = "meta" | "tiles" | "bundles" | "tail";

/** `assumedSize`: what to take for the tree size of a store whose own row of it is damaged. */
export type Job = { readonly assumedSize?: number | undefined } & (
  | { readonly kind: "file" }
  | { readonly kind: "rows" }
  | { readonly kind: "runs"; readonly treeSize: number }
  | { readonly kind: "spine"; readonly treeSize: number; readonly sizes: readonly number[] }
  | { readonly kind: "slice"; readonly slice: SliceJob }
  | { readonly kind: "strays"; readonly table: TableName; readonly treeSize: number }
  | { readonly kind: "run"; readonly range: LeafRange; readonly storeId: string }
);

export type Answer =
  | { readonly kind: "file"; readonly found: Found }
  | { readonly kind: "rows"; readonly rows: AuditedRows }
  | {
      readonly kind: "runs";
      readonly runs: readonly LeafRange[];
      readonly beyond: readonly LeafRange[];
      readonly foreign: readonly string[];
    }
  | {
      readonly kind: "spine";
      readonly tiles: readonly SpineTile[];
      /** The roots at the sizes asked for; undefined where the tiles do not give one. */
      readonly roots: readonly (Uint8Array | undefined)[];
    }
  | { readonly kind: "slice"; readonly slice: SliceResult }
  | { readonly kind: "strays"; readonly found: Found }
  | { readonly kind: "run"; readonly found: Found };

export type AnswerTo<J extends Job> = Extract<Answer, { readonly kind: J["kind"] }>;

export interface Done {
  readonly entries: number;
  readonly bytes: number;
}

/** Whoever does jobs: this process, or others. */
export interface Crew {
  /** How many jobs are done side by side. */
  readonly size: number;
  /**
   * @returns the answer, or in `died` why nobody could do it: processes that tried were ended by it.
   * @throws {TlogError} what the job throws that is no damage
   */
  run<J extends Job>(job: J): Promise<{ readonly answer: AnswerTo<J> } | { readonly died: string }>;
  close(): Promise<void>;
}

export function isAnswerTo<J extends Job>(job: J, answer: Answer): answer is AnswerTo<J> {
  return answer.kind === job.kind;
}
