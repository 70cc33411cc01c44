import type { VerifiedCheckpoint } from "../src/tlog/checkpoint.ts";

/**
 * A head the log showed, verified: signatures and quorum by the policy, and consistent with everything remembered.
 * `progress` says how it compares with the remembered head: "first" (nothing was remembered), "grew", "same" (size), or
 * "behind": an old view, from a cache or a log that lost data; what is remembered stays.
 *
 * A head of size 0 may have no quorum, as long as nothing larger is remembered: that a log is empty is its own word only, and
 * a client that remembers nothing can be shown an empty log for as long as the log likes.
 */
export interface LogHead extends VerifiedCheckpoint {
  readonly progress: "first" | "grew" | "same" | "behind";
}
