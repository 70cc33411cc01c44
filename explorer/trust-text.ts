/** Verifier keys and policies as people paste them. */
import { type Policy, parsePolicy, TlogError } from "../client/index.ts";
import { decodeUtf8, formatPolicy, singleKeyPolicy } from "../client/inspect.ts";

/** A policy, its text, and which of its logs is meant. */
export interface TrustText {
  readonly policy: Policy;
  readonly policyText: string;
  readonly origin: string;
}

/**
 * Reads what somebody pasted: a verifier key, or a policy.
 * @param origin - which log of the policy is meant, if it has keys of it; else its first.
 * @throws {TlogError} POLICY_MALFORMED | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED
 */
export function trustIn(text: string, origin?: string): TrustText {
  const trimmed = text.trim();
  const isKey = /^[^\s+]+\+[0-9a-f]{8}\+\S+$/.test(trimmed);
  const known = isKey ? keyPolicy(trimmed) : policyIn(text);
  const { logs } = known.policy;
  const log = logs.find(({ key }) => key.name === origin) ?? logs[0];
  if (log === undefined) throw new TlogError("POLICY_MALFORMED", "want a log line: log <vkey>");
  return { ...known, origin: log.key.name };
}

function keyPolicy(vkey: string): Omit<TrustText, "origin"> {
  const policy = singleKeyPolicy(vkey);
  return { policy, policyText: decodeUtf8(formatPolicy(policy)) };
}

/** @throws {TlogError} POLICY_MALFORMED */
export function policyIn(text: string): Omit<TrustText, "origin"> {
  return { policy: parsePolicy(text), policyText: text };
}
