import type { VerifiedCheckpoint } from "../src/tlog/checkpoint.ts";

/**
 * A head the log showed, verified: signatures and quorum by the policy, and consistent with everything remembered.
 * `progress` says how it compares with the remembered head: "first" (nothing was remembered), "grew", "same" (size), or
 * "behind": an old view, from a cache or a log that lost data; what is remembered stays.
 */
export interface LogHead extends VerifiedCheckpoint {
  readonly progress: "first" | "grew" | "same" | "behind";
}
