/**
 * A verification taken apart, for people who want to see each step. What counts is the verdict, which the same functions give that everybody
 * verifies with; the steps only say why.
 */
import { TlogError } from "../src/errors.ts";
import { hashesEqual } from "../src/merkle/hash.ts";
import {
  type Checkpoint,
  openCheckpoint,
  parseCheckpoint,
  type VerifiedCheckpoint,
} from "../src/tlog/checkpoint.ts";
import { readTimestamp } from "../src/tlog/cosignature.ts";
import { decodeUtf8 } from "../src/tlog/encoding.ts";
import { ED25519, type KeyType, keyLabel, type VerifierKey, verifierFor } from "../src/tlog/key.ts";
import { type Note, type NoteSignature, parseNote } from "../src/tlog/note.ts";
import { isQuorumMet, type Policy, thresholdOf } from "../src/tlog/policy.ts";
import { parseTlogProof, type VerifiedReceipt, verifyTlogProof } from "../src/tlog/proof.ts";
import { type HashedStep, hashPath, pathToRoot } from "./tree-shape.ts";

/** What became of one signature line. "repeated": a further line of a key that had one, which nobody looks at. */
export interface SignatureCheck {
  /** The name in the line. */
  readonly name: string;
  /** Name and key ID: "example.com/log+530d903a". */
  readonly label: string;
  readonly role: "log" | "witness" | "unknown";
  /** What the policy calls the witness; an octet a character. */
  readonly witness?: string;
  readonly type?: KeyType;
  readonly outcome: "valid" | "invalid" | "unknown" | "repeated";
  /** POSIX seconds, of a valid cosignature; 0: no statement about time. */
  readonly timestampSeconds?: number;
}

/** How a checkpoint stands to a policy. */
export interface QuorumCheck {
  readonly isMet: boolean;
  /** Of the witnesses that cosigned, how many could be taken away, the worst ones first, and leave a quorum. Undefined: nobody needs to cosign. */
  readonly margin: number | undefined;
  /** The policy's names of those that cosigned. */
  readonly cosigned: readonly string[];
}

export interface CheckpointReport {
  readonly checkpoint: Checkpoint;
  readonly signatures: readonly SignatureCheck[];
  readonly quorum: QuorumCheck;
  readonly verdict: Verdict<VerifiedCheckpoint>;
}

export interface ReceiptReport extends CheckpointReport {
  readonly leafIndex: number;
  readonly leafHash: Uint8Array;
  /** Leaf end first. Fewer than the tree asks for when the proof is short; empty when the leaf cannot be in the tree. */
  readonly path: readonly HashedStep[];
  /** What the path leads to, to be compared with the checkpoint's root. */
  readonly computedRoot: Uint8Array;
  readonly isRootReached: boolean;
  readonly proofHashes: { readonly wanted: number; readonly given: number };
  readonly receiptVerdict: Verdict<VerifiedReceipt>;
}

export type Verdict<T> = { readonly verified: T; readonly error?: undefined } | { readonly error: TlogError };

interface Subject {
  readonly policy: Policy;
  /** To accept only this log. */
  readonly origin?: string | undefined;
}

/** @throws {TlogError} NOTE_MALFORMED | CHECKPOINT_MALFORMED | NUMBER_TOO_LARGE: there is nothing to take apart */
export async function explainCheckpoint(
  args: Subject & { readonly signedNote: Uint8Array },
): Promise<CheckpointReport> {
  const { policy, signedNote, origin } = args;
  const note = parseNote(signedNote);
  const checkpoint = parseCheckpoint(decodeUtf8(note.text));
  const signatures = await checkSignatures(note, { policy, origin: checkpoint.origin });
  const cosigned = signatures.flatMap(({ outcome, witness }) =>
    outcome === "valid" && witness !== undefined ? [witness] : [],
  );
  const isMet = isQuorumMet(policy, cosigned);
  const expected = origin === undefined ? {} : { expectedOrigin: origin };
  return {
    checkpoint,
    signatures,
    quorum: { isMet, margin: isMet ? quorumMargin(policy, cosigned) : undefined, cosigned },
    verdict: await verdictOf(openCheckpoint({ policy, signedNote, ...expected })),
  };
}

/** @throws {TlogError} RECEIPT_MALFORMED, and as {@link explainCheckpoint} */
export async function explainReceipt(
  args: Subject & { readonly receipt: string | Uint8Array; readonly leafHash: Uint8Array },
): Promise<ReceiptReport> {
  const { policy, receipt, leafHash, origin } = args;
  const { leafIndex, proof, checkpoint: signedNote } = parseTlogProof(receipt);
  const report = await explainCheckpoint({ policy, origin, signedNote });
  const { treeSize, rootHash } = report.checkpoint;
  const steps = leafIndex < treeSize ? pathToRoot({ leafIndex, treeSize }) : [];
  const path = hashPath(steps, { leafHash, proof });
  const computedRoot = path.at(-1)?.parentHash ?? leafHash;
  const expected = origin === undefined ? {} : { expectedOrigin: origin };
  return {
    ...report,
    leafIndex,
    leafHash,
    path,
    computedRoot,
    isRootReached:
      leafIndex < treeSize && proof.length === steps.length && hashesEqual(computedRoot, rootHash),
    proofHashes: { wanted: steps.length, given: proof.length },
    receiptVerdict: await verdictOf(verifyTlogProof({ policy, receipt, leafHash, ...expected })),
  };
}

/** How many of these witnesses a quorum can lose: names are members of one group at most, so groups add up. */
export function quorumMargin(policy: Policy, cosigned: readonly string[]): number | undefined {
  if (policy.quorum === "none") return undefined;
  const costs = new Map(policy.witnesses.map(({ name }) => [name, cosigned.includes(name) ? 1 : 0]));
  for (const { name, threshold, members } of policy.groups) {
    const cheapest = members.map((member) => costs.get(member) ?? 0).sort((a, b) => a - b);
    const losses = members.length - thresholdOf(threshold, members.length) + 1;
    costs.set(
      name,
      cheapest.slice(0, losses).reduce((sum, cost) => sum + cost, 0),
    );
  }
  return (costs.get(policy.quorum) ?? 0) - 1;
}

async function checkSignatures(
  { text, signatures }: Note,
  { policy, origin }: { readonly policy: Policy; readonly origin: string },
): Promise<readonly SignatureCheck[]> {
  const logs = new Map(
    policy.logs.filter(({ key }) => key.name === origin).map(({ key }) => [keyLabel(key), key]),
  );
  const witnesses = new Map(policy.witnesses.map((witness) => [keyLabel(witness.key), witness]));
  const seen = new Set<string>();
  const checks: SignatureCheck[] = [];
  for (const signature of signatures) {
    const label = keyLabel(signature);
    const witness = witnesses.get(label);
    const key = logs.get(label) ?? witness?.key;
    const isRepeated = seen.has(label);
    seen.add(label);
    const known = {
      role: logs.has(label) ? "log" : "witness",
      ...(witness && { witness: witness.name }),
    } as const;
    if (key === undefined) checks.push({ name: signature.name, label, role: "unknown", outcome: "unknown" });
    else if (isRepeated)
      checks.push({ name: key.name, label, ...known, type: key.type, outcome: "repeated" });
    else checks.push({ name: key.name, label, ...known, ...(await checkLine(key, text, signature)) });
  }
  return checks;
}

async function checkLine(
  key: VerifierKey,
  text: Uint8Array,
  { payload }: NoteSignature,
): Promise<Pick<SignatureCheck, "type" | "outcome" | "timestampSeconds">> {
  const { type } = key;
  if (!(await verifierFor(key).verify({ text, payload }))) return { type, outcome: "invalid" };
  return {
    type,
    outcome: "valid",
    ...(type === ED25519 ? {} : { timestampSeconds: readTimestamp(payload) }),
  };
}

async function verdictOf<T>(verification: Promise<T>): Promise<Verdict<T>> {
  try {
    return { verified: await verification };
  } catch (error) {
    if (error instanceof TlogError) return { error };
    throw error;
  }
}
