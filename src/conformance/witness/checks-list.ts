/** What can be asked of an answer beyond its status, by the names the case file uses; it also says what they mean. */
export const CHECKS = [
  "lines",
  "own-lines",
  "verify",
  "verify-ed25519",
  "verify-ml-dsa",
  "has-ml-dsa",
  "time-set",
  "time-near",
  "time-not-back",
  "small",
  "text-plain",
  "kept-alive",
  "cors",
  "monitor-head",
  "monitor-log-line",
  "monitor-cosignatures",
  "monitor-own-lines",
  "subtree-verify",
  "subtree-same-key",
] as const;

export type CheckName = (typeof CHECKS)[number];
