/** Whom a client believes. */
import { TlogError } from "../src/errors.ts";
import type { VerifierKey } from "../src/tlog/key.ts";
import { type Policy, parsePolicy, singleKeyPolicy } from "../src/tlog/policy.ts";

/** A C2SP tlog-policy (text, bytes, or parsed), or just the log's verifier key: then nobody needs to cosign. */
export type TrustIn =
  | { readonly policy: Policy | Uint8Array | string; readonly vkey?: undefined }
  | { readonly vkey: string; readonly policy?: undefined };

/** One log of a policy. */
export interface Trust {
  readonly policy: Policy;
  readonly origin: string;
  /** The policy's keys of this log, at least one. */
  readonly logKeys: readonly VerifierKey[];
}

/** @throws {TlogError} ARGUMENT_INVALID (both, or neither) | POLICY_MALFORMED | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED */
export function policyFrom({ policy, vkey }: TrustIn): Policy {
  // Without a compiler both can come: taking the key would drop the quorum.
  if ((policy === undefined) === (vkey === undefined)) {
    throw new TlogError("ARGUMENT_INVALID", "want a policy or a vkey");
  }
  if (vkey !== undefined) return singleKeyPolicy(vkey);
  return typeof policy === "string" || policy instanceof Uint8Array ? parsePolicy(policy) : policy;
}

/**
 * Settles on one log: a client that took any log of a policy could be shown another one's entries.
 * @param origin - may be left out when the policy has keys of one log only.
 * @throws {TlogError} ARGUMENT_INVALID, and as {@link policyFrom}
 */
export function trustIn(trust: TrustIn & { readonly origin?: string }): Trust {
  const policy = policyFrom(trust);
  const origins = new Set(policy.logs.map(({ key }) => key.name));
  const [only] = origins;
  const origin = trust.origin ?? only;
  if (origin === undefined || !origins.has(origin) || (trust.origin === undefined && origins.size > 1)) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `origin: want one of the policy's logs (${[...origins].join(", ")})`,
    );
  }
  return { policy, origin, logKeys: policy.logs.map(({ key }) => key).filter(({ name }) => name === origin) };
}
