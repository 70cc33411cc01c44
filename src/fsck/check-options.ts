/** What a check of a log is told. */
import type { Found } from "./finding.ts";
import type { GuardSight, VerifyNote } from "./heads.ts";
import type { Crew } from "./jobs.ts";
import type { CheckState } from "./state.ts";

export interface CheckOptions {
  readonly crew: Crew;
  /** Which copy of the log it is (`copyAt`, or its URL): only a check of the same one is gone on from. */
  readonly copy: string;
  /** The signed checkpoint of a log that is no store; undefined: the crew has a store. */
  readonly checkpoint?: Uint8Array | undefined;
  /** Of its keys, as it shows it; undefined: none. A store has its own. */
  readonly keyHistory?: Uint8Array | undefined;
  /** Undefined: signatures are not checked. */
  readonly verify?: VerifyNote | undefined;
  readonly guard?: GuardSight | undefined;
  readonly maxFindings: number;
  /** Which tree to check, of a log that grows: one that was signed. Default: the one that is there. */
  readonly at?: { readonly treeSize: number; readonly rootHash: Uint8Array } | undefined;
  /** Slices that come before all else. */
  readonly first?: readonly number[] | undefined;
  /** What an earlier check has done. */
  readonly resume?: CheckState | undefined;
  /** Told once what there is to do. */
  readonly onPlan?:
    | ((plan: { readonly entries: number; readonly doneEntries: number; readonly doneBytes: number }) => void)
    | undefined;
  /** Told what is wrong in a slice, or that nothing is, once that is certain. */
  readonly onSlice?: ((index: number, found: Found) => void) | undefined;
  /** Told what is done, after each piece. */
  readonly onState?: ((state: CheckState) => void) | undefined;
}
