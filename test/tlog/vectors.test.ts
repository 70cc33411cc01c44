import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from "../../src/tlog/checkpoint.ts";
import {
  cosignatureV1Message,
  decodeTimestampedSignature,
  subtreeMessage,
} from "../../src/tlog/cosignature.ts";
import { decodeHex, encodeHex } from "../../src/tlog/encoding.ts";
import { formatForkEvidence, parseForkEvidence, verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  openSigner,
  parseSigningKey,
  parseVerifierKey,
  verifierFor,
} from "../../src/tlog/key.ts";
import { formatNote, openNote, parseNote } from "../../src/tlog/note.ts";
import { formatPolicy, isQuorumMet, parsePolicy } from "../../src/tlog/policy.ts";
import { formatTlogProof, parseTlogProof, verifyTlogProof } from "../../src/tlog/proof.ts";
import { text, utf8 } from "./signers.ts";

/** A case as the file has it: what its members are, the file's description says. */
interface Case {
  readonly name: string;
  readonly error?: string;
}

/** Runs every case of a file: `run` must throw a case's error, and nothing for a case without one. */
function runCases<T extends Case>(file: string, run: (vector: T) => void | Promise<void>): void {
  const url = new URL(`../../spec/vectors/${file}`, import.meta.url);
  const cases: readonly T[] = JSON.parse(readFileSync(url, "utf8")).cases;
  it(`${file} holds good, ${cases.length} cases`, async () => {
    for (const vector of cases) {
      const outcome = { name: vector.name, error: await codeThrownBy(() => run(vector)) };
      expect(outcome).toEqual({ name: vector.name, error: vector.error });
    }
  });
}

async function codeThrownBy(run: () => void | Promise<void>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (error instanceof TlogError) return error.code;
    throw error;
  }
}

describe("spec/vectors of the note, checkpoint, cosignature, policy and proof formats", () => {
  interface Vkey extends Case {
    readonly vkey: string;
    readonly signingKey: string;
    readonly keyName: string;
    readonly keyId: string;
    readonly type: number;
    readonly publicKey: string;
  }
  runCases<Vkey>("vkey.json", async ({ vkey, signingKey, keyName, keyId, type, publicKey }) => {
    const key = parseVerifierKey(vkey);
    expect({
      ...key,
      keyId: key.keyId.toString(16).padStart(8, "0"),
      publicKey: encodeHex(key.publicKey),
    }).toEqual({
      name: keyName,
      keyId,
      type,
      publicKey,
    });
    expect(formatVerifierKey(key)).toBe(vkey);
    expect(formatSigningKey(parseSigningKey(signingKey))).toBe(signingKey);
    expect((await openSigner(signingKey, { timestampSeconds: () => 0 })).verifierKey).toEqual(key);
  });

  interface Note extends Case {
    readonly note?: string;
    readonly noteHex?: string;
    readonly vkeys: readonly string[];
    readonly text: string;
    readonly verified: readonly string[];
  }
  runCases<Note>("note.json", async (vector) => {
    const note = vector.note === undefined ? decodeHex(vector.noteHex ?? "") : utf8(vector.note);
    const verifiers = vector.vkeys.map((vkey) => verifierFor(parseVerifierKey(vkey)));
    const opened = await openNote(note, verifiers);
    expect(text(opened.text)).toBe(vector.text);
    expect(opened.verified.map(({ verifierKey }) => verifierKey.name)).toEqual(vector.verified);
    expect(formatNote(parseNote(note))).toEqual(note);
  });

  interface Body extends Case {
    readonly body: string;
    readonly origin: string;
    readonly treeSize: number;
    readonly rootHash: string;
    readonly extensions: readonly string[];
  }
  runCases<Body>("checkpoint.json", ({ body, origin, treeSize, rootHash, extensions }) => {
    const checkpoint = parseCheckpoint(body);
    expect(checkpoint).toEqual({ origin, treeSize, rootHash: decodeHex(rootHash), extensions });
    expect(formatCheckpoint(checkpoint)).toBe(body);
  });

  interface Cosignature extends Case {
    readonly vkey: string;
    readonly body: string;
    readonly timestampSeconds: number;
    readonly message: string;
    readonly payload: string;
  }
  runCases<Cosignature>("cosignature.json", async (vector) => {
    const key = parseVerifierKey(vector.vkey);
    const claim = { text: utf8(vector.body), payload: decodeHex(vector.payload) };
    if (!(await verifierFor(key).verify(claim))) throw new TlogError("SIGNATURE_INVALID", vector.name);
    if (key.type === 1) throw new Error("not a cosigner");
    const { timestampSeconds } = decodeTimestampedSignature(key.type, claim.payload);
    expect(timestampSeconds).toBe(vector.timestampSeconds);
    const { origin, treeSize: end, rootHash: hash } = parseCheckpoint(vector.body);
    const message =
      key.type === 4
        ? cosignatureV1Message(timestampSeconds, claim.text)
        : subtreeMessage({ cosignerName: key.name, timestampSeconds, origin, start: 0, end, hash });
    expect(encodeHex(message)).toBe(vector.message);
  });

  interface Signed extends Body {
    readonly signedNote: string;
    readonly policy: string;
    readonly logKeys: readonly string[];
    readonly cosignatures: readonly unknown[];
  }
  runCases<Signed>("signed-checkpoint.json", async (vector) => {
    const signedNote = utf8(vector.signedNote);
    expect(await openCheckpoint({ signedNote, policy: parsePolicy(vector.policy) })).toMatchObject({
      origin: vector.origin,
      treeSize: vector.treeSize,
      rootHash: decodeHex(vector.rootHash),
      logKeys: vector.logKeys,
      cosignatures: vector.cosignatures,
    });
  });

  interface Policy extends Case {
    readonly policy?: string;
    readonly policyHex?: string;
    readonly met: readonly (readonly string[])[];
    readonly unmet: readonly (readonly string[])[];
  }
  runCases<Policy>("policy.json", (vector) => {
    const policy = parsePolicy(vector.policy ?? decodeHex(vector.policyHex ?? ""));
    for (const names of vector.met) expect(isQuorumMet(policy, names), names.join()).toBe(true);
    for (const names of vector.unmet) expect(isQuorumMet(policy, names), names.join()).toBe(false);
    expect(parsePolicy(formatPolicy(policy))).toEqual(policy);
  });

  interface Receipt extends Body {
    readonly receipt: string;
    readonly policy: string;
    readonly entry: string;
    readonly leafIndex: number;
  }
  runCases<Receipt>("tlog-proof.json", async ({ receipt, policy, entry, ...wanted }) => {
    const verified = await verifyTlogProof({ receipt, entry: decodeHex(entry), policy: parsePolicy(policy) });
    const { origin, leafIndex, treeSize, rootHash } = wanted;
    expect(verified).toMatchObject({ origin, leafIndex, treeSize, rootHash: decodeHex(rootHash) });
    expect(formatTlogProof(parseTlogProof(receipt))).toBe(receipt);
  });

  interface Evidence extends Case {
    readonly evidence: string;
    readonly logKeys: readonly string[];
    readonly witnessKeys: readonly string[];
    readonly id: string;
    readonly kind: string;
    readonly accused: object;
  }
  runCases<Evidence>("fork-evidence.json", async ({ evidence, logKeys, witnessKeys, ...wanted }) => {
    const keys = { logKeys: logKeys.map(parseVerifierKey), witnessKeys: witnessKeys.map(parseVerifierKey) };
    const { id, kind, accused } = await verifyForkEvidence({ evidence, ...keys });
    expect({ id, kind, accused }).toEqual({ id: wanted.id, kind: wanted.kind, accused: wanted.accused });
    expect(formatForkEvidence(parseForkEvidence(evidence))).toBe(evidence);
  });
});
