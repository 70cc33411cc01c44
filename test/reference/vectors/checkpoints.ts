import { hex, leafHashOf, ReferenceTree } from "../merkle.ts";
import {
  base64,
  messageOf,
  payloadOf,
  type ReferenceKey,
  referenceKey,
  signatureLine,
  signedNote,
  utf8,
} from "../notes.ts";
import type { VectorCase, VectorFile } from "./vector-file.ts";

const ORIGIN = "example.com/log";
const TIME = 1679315147;
const entries = Array.from({ length: 13 }, (_, index) => utf8(`entry ${index}`));
const tree = new ReferenceTree(entries.map(leafHashOf));
const ROOT = base64(tree.root(13));
const BODY = `${ORIGIN}\n13\n${ROOT}\n`;

const log = referenceKey(ORIGIN, 1, 1);
const newLog = referenceKey(ORIGIN, 1, 2);
const quantumLog = referenceKey(ORIGIN, 6, 3);
const elsewhere = referenceKey("example.com/other", 1, 4);
const w1 = referenceKey("witness.example/1", 4, 11);
const w2 = referenceKey("witness.example/2", 4, 12);
const w3 = referenceKey("witness.example/3", 6, 13);

const NO_QUORUM = `log ${log.vkey}\nlog ${newLog.vkey}\nlog ${quantumLog.vkey}\nquorum none\n`;
const TWO_OF_THREE = `log ${log.vkey}\nwitness one ${w1.vkey}\nwitness two ${w2.vkey}\nwitness three ${w3.vkey}\ngroup g 2 one two three\nquorum g\n`;

/** Checkpoint texts, cosignatures, checkpoints under a policy, and receipts. */
export function checkpointVectors(): readonly VectorFile[] {
  return [
    {
      name: "checkpoint",
      description:
        "Checkpoint texts, c2sp.org/tlog-checkpoint: parse `body`, and write it back. Tree sizes above 2^53 - 1 must be refused, or handled exactly.",
      cases: [...goodBodies(), ...badBodies()],
    },
    {
      name: "cosignature",
      description:
        "Cosignatures, c2sp.org/tlog-cosignature: the key signs `message` (hex), made of `body` and `timestampSeconds`; `payload` (hex) follows " +
        "the key ID in the signature line. A case with an error must not verify.",
      cases: cosignatures(),
    },
    {
      name: "signed-checkpoint",
      description:
        "Signed checkpoints under a policy, c2sp.org/tlog-checkpoint, tlog-cosignature and tlog-policy: open `signedNote` with `policy`. Log keys " +
        "that verified are in `logKeys`, cosignatures in `cosignatures`, both in the order of the note's lines.",
      cases: signedCheckpoints(),
    },
    {
      name: "tlog-proof",
      description:
        "Receipts, c2sp.org/tlog-proof: verify `receipt` for `entry` (hex) with `policy`. The leaf hash is SHA-256(0x00 || entry).",
      cases: [...goodReceipts(), ...badReceipts()],
    },
  ];
}

function goodBodies(): readonly VectorCase[] {
  const good = (name: string, origin: string, treeSize: number, extensions: readonly string[] = []) => {
    const rootHash = treeSize === 0 ? tree.root(0) : tree.root(13);
    const body = [origin, `${treeSize}`, base64(rootHash), ...extensions].map((line) => `${line}\n`).join("");
    return { name, body, origin, treeSize, rootHash: hex(rootHash), extensions };
  };
  return [
    good("three lines", ORIGIN, 13),
    good("size 0 has the root of the empty tree", ORIGIN, 0),
    good("an origin with spaces", "go.sum database tree", 13),
    good("an origin with a plus", "a+b", 13),
    good("the largest size", ORIGIN, Number.MAX_SAFE_INTEGER),
    good("extension lines", ORIGIN, 13, ["one", " two "]),
  ];
}

function badBodies(): readonly VectorCase[] {
  const malformed: Record<string, string> = {
    "no bytes": "",
    "two lines": `${ORIGIN}\n13\n`,
    "no newline at the end": BODY.slice(0, -1),
    "an empty origin": BODY.replace(ORIGIN, ""),
    "an empty extension line": `${BODY}\n`,
    "an empty line between extension lines": `${BODY}one\n\ntwo\n`,
    "a size with a leading zero": BODY.replace("\n13\n", "\n013\n"),
    "a size with a sign": BODY.replace("\n13\n", "\n+13\n"),
    "a negative size": BODY.replace("\n13\n", "\n-13\n"),
    "a size with a space": BODY.replace("\n13\n", "\n13 \n"),
    "a size in other digits": BODY.replace("\n13\n", "\n１３\n"),
    "a root of 31 bytes": BODY.replace(ROOT, base64(new Uint8Array(31))),
    "a root of 33 bytes": BODY.replace(ROOT, base64(new Uint8Array(33))),
    "a root without padding": BODY.replace("=\n", "\n"),
    "a root in the URL alphabet": BODY.replace(ROOT, "_".repeat(42).concat("8=")),
    "a root with padding bits that are not zero": BODY.replace(ROOT, `${"A".repeat(42)}B=`),
    "carriage returns": BODY.replaceAll("\n", "\r\n"),
  };
  return [
    ...Object.entries(malformed).map(([name, body]) => ({ name, body, error: "CHECKPOINT_MALFORMED" })),
    ...[2n ** 53n, 2n ** 63n - 1n, 2n ** 64n].map((size) => {
      return { name: `size ${size}`, body: BODY.replace("\n13\n", `\n${size}\n`), error: "NUMBER_TOO_LARGE" };
    }),
  ];
}

function cosignatures(): readonly VectorCase[] {
  const extended = `${BODY}extension\n`;
  const made = (name: string, key: ReferenceKey, body: string, timestampSeconds: number) => {
    const message = hex(messageOf(key, body, timestampSeconds));
    return {
      name,
      vkey: key.vkey,
      body,
      timestampSeconds,
      message,
      payload: hex(payloadOf(key, body, timestampSeconds)),
    };
  };
  const bad = (name: string, key: ReferenceKey, payload: Uint8Array, body = BODY) => {
    return { name, vkey: key.vkey, body, payload: hex(payload), error: "SIGNATURE_INVALID" };
  };
  const good = payloadOf(w1, BODY, TIME);
  const ofTheLog = { ...w1, type: 1 };
  return [
    made("Ed25519", w1, BODY, TIME),
    made("Ed25519 covers extension lines", w1, extended, TIME),
    made("ML-DSA-44", w3, BODY, TIME),
    made("ML-DSA-44 of a log: time 0", quantumLog, BODY, 0),
    bad(
      "another time",
      w1,
      Uint8Array.from(good, (byte, index) => (index === 7 ? byte - 1 : byte)),
    ),
    bad(
      "a time above 2^63 - 1",
      w1,
      Uint8Array.from(good, (byte, index) => (index === 0 ? 0x80 : byte)),
    ),
    bad("a byte more", w1, Uint8Array.of(...good, 0)),
    bad("a byte less", w1, good.subarray(0, -1)),
    bad("no time", w1, good.subarray(8)),
    bad(
      "a signature of the bare text",
      w1,
      Uint8Array.of(...new Uint8Array(8), ...payloadOf(ofTheLog, BODY)),
    ),
    bad("another tree size", w1, good, BODY.replace("\n13\n", "\n14\n")),
    bad("an extension line added, Ed25519", w1, good, extended),
    bad(
      "ML-DSA-44 commits to the cosigner's name",
      w3,
      payloadOf({ ...w3, name: "witness.example/4" }, BODY, TIME),
    ),
  ];
}

function signedCheckpoints(): readonly VectorCase[] {
  const opened = (
    name: string,
    keys: readonly (readonly [ReferenceKey, number?])[],
    policy: string,
    names: readonly string[] = [],
  ) => {
    const logKeys = keys.filter(([key]) => key.name === ORIGIN).map(([key]) => key.vkey);
    const cosigned = keys.filter(([key]) => key.name !== ORIGIN);
    const cosignatures = names.map((witness, i) => {
      return { name: witness, vkey: cosigned[i]?.[0].vkey, timestampSeconds: cosigned[i]?.[1] };
    });
    const signed = { signedNote: signedNote(BODY, keys), policy };
    return {
      name,
      ...signed,
      origin: ORIGIN,
      treeSize: 13,
      rootHash: hex(tree.root(13)),
      logKeys,
      cosignatures,
    };
  };
  const refused = (name: string, signed: string, policy: string, error: string) => ({
    name,
    signedNote: signed,
    policy,
    error,
  });
  const byLog = signedNote(BODY, [[log]]);
  const emptyWithRoot = `${ORIGIN}\n0\n${ROOT}\n`;
  const byQuantumLog = signatureLine(quantumLog, payloadOf(quantumLog, BODY));
  return [
    opened("the log's key and no witnesses", [[log]], NO_QUORUM),
    opened("any one of the log's keys suffices", [[newLog]], NO_QUORUM),
    opened("ML-DSA-44 beside Ed25519", [[log], [quantumLog, 0]], NO_QUORUM),
    opened("ML-DSA-44 alone", [[quantumLog, 0]], NO_QUORUM),
    opened("two of three", [[log], [w3, TIME], [w1, TIME + 1]], TWO_OF_THREE, ["three", "one"]),
    refused("one of three", signedNote(BODY, [[log], [w1, TIME]]), TWO_OF_THREE, "QUORUM_NOT_MET"),
    refused(
      "one of three, twice",
      signedNote(BODY, [[log], [w1, TIME], [w1, TIME + 1]]),
      TWO_OF_THREE,
      "QUORUM_NOT_MET",
    ),
    refused(
      "only witnesses",
      signedNote(BODY, [
        [w1, TIME],
        [w3, TIME],
      ]),
      TWO_OF_THREE,
      "SIGNATURE_MISSING",
    ),
    refused(
      "a known witness's line fails",
      byLog + signatureLine(w2, new Uint8Array(72)),
      TWO_OF_THREE,
      "SIGNATURE_INVALID",
    ),
    refused(
      "a known log key's line fails",
      byLog + signatureLine(newLog, new Uint8Array(64)),
      NO_QUORUM,
      "SIGNATURE_INVALID",
    ),
    refused(
      "another origin",
      signedNote(BODY.replace(ORIGIN, elsewhere.name), [[log]]),
      NO_QUORUM,
      "ORIGIN_MISMATCH",
    ),
    refused(
      "the key of another log of the policy",
      signedNote(BODY, [[elsewhere]]),
      `log ${elsewhere.vkey}\n${NO_QUORUM}`,
      "SIGNATURE_MISSING",
    ),
    refused("size 0 with another root", signedNote(emptyWithRoot, [[log]]), NO_QUORUM, "ROOT_MISMATCH"),
    refused(
      "extension lines that only ML-DSA-44 would cover",
      `${BODY}added\n\n${byQuantumLog}`,
      NO_QUORUM,
      "SIGNATURE_MISSING",
    ),
    refused("no checkpoint", signedNote(`${ORIGIN}\nhello\n`, [[log]]), NO_QUORUM, "CHECKPOINT_MALFORMED"),
  ];
}

const POLICY = `log ${log.vkey}\nwitness w ${w1.vkey}\nquorum w\n`;
const COSIGNED = signedNote(BODY, [[log], [w1, TIME]]);

function receiptOf(leafIndex: number, checkpoint = COSIGNED, extra = ""): string {
  const path = tree.path(leafIndex, 0, 13).map((hash) => `${base64(hash)}\n`);
  return `c2sp.org/tlog-proof@v1\n${extra}index ${leafIndex}\n${path.join("")}\n${checkpoint}`;
}

function goodReceipts(): readonly VectorCase[] {
  const good = (name: string, leafIndex: number, receipt: string) => {
    const entry = hex(entries[leafIndex] ?? new Uint8Array(0));
    return {
      name,
      receipt,
      policy: POLICY,
      entry,
      origin: ORIGIN,
      leafIndex,
      treeSize: 13,
      rootHash: hex(tree.root(13)),
    };
  };
  return [
    ...[0, 5, 11, 12].map((leafIndex) => good(`leaf ${leafIndex}`, leafIndex, receiptOf(leafIndex))),
    good("extra data", 5, receiptOf(5, COSIGNED, `extra ${base64(utf8("anything"))}\n`)),
  ];
}

function badReceipts(): readonly VectorCase[] {
  const good = receiptOf(5);
  const refused = (name: string, receipt: string, error: string, entry = entries[5]) => {
    return { name, receipt, policy: POLICY, entry: hex(entry ?? new Uint8Array(0)), error };
  };
  const malformed: Record<string, string> = {
    "no bytes": "",
    "another version": good.replace("@v1", "@v2"),
    "no index": good.replace("index 5\n", ""),
    "an index with a leading zero": good.replace("index 5", "index 05"),
    "extra behind the index": good.replace("index 5\n", "index 5\nextra AAAA\n"),
    "an extra line without data": receiptOf(5, COSIGNED, "extra \n"),
    "extra data with padding bits that are not zero": receiptOf(5, COSIGNED, "extra AB==\n"),
    "a hash of 31 bytes": good.replace("index 5\n", `index 5\n${base64(new Uint8Array(31))}\n`),
    "64 hashes": good.replace("index 5\n", `index 5\n${`${base64(new Uint8Array(32))}\n`.repeat(60)}`),
    "no empty line": good.replaceAll("\n\n", "\n"),
    "no checkpoint": good.slice(0, good.indexOf("\n\n") + 2),
    "carriage returns": good.replaceAll("\n", "\r\n"),
  };
  return [
    ...Object.entries(malformed).map(([name, receipt]) => refused(name, receipt, "RECEIPT_MALFORMED")),
    refused("an index above 2^53 - 1", good.replace("index 5", "index 9007199254740992"), "NUMBER_TOO_LARGE"),
    refused("another entry", good, "PROOF_INVALID", entries[4]),
    refused("another index", good.replace("index 5", "index 4"), "PROOF_INVALID"),
    refused("an index that is the tree size", good.replace("index 5", "index 13"), "PROOF_INVALID"),
    refused(
      "a hash missing",
      good.replace(`${base64(tree.path(5, 0, 13)[0] ?? new Uint8Array(0))}\n`, ""),
      "PROOF_INVALID",
    ),
    refused("a hash too many", good.replace("index 5\n", `index 5\n${ROOT}\n`), "PROOF_INVALID"),
    refused("no cosignature", receiptOf(5, signedNote(BODY, [[log]])), "QUORUM_NOT_MET"),
    refused("no log signature", receiptOf(5, signedNote(BODY, [[w1, TIME]])), "SIGNATURE_MISSING"),
    refused("a log signature of another text", good.replace("\n13\n", "\n14\n"), "SIGNATURE_INVALID"),
    refused(
      "another log",
      receiptOf(5, signedNote(BODY.replace(ORIGIN, elsewhere.name), [[elsewhere]])),
      "ORIGIN_MISMATCH",
    ),
  ];
}
