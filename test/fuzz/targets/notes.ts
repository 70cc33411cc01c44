import { openCheckpoint } from "../../../src/tlog/checkpoint.ts";
import { formatCheckpoint, parseCheckpoint } from "../../../src/tlog/checkpoint-body.ts";
import { decodeTimestampedSignature, encodeTimestampedSignature } from "../../../src/tlog/cosignature.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  parseSigningKey,
  parseVerifierKey,
} from "../../../src/tlog/key.ts";
import { formatNote, parseNote, parseSignatureLine } from "../../../src/tlog/note.ts";
import { formatPolicy, type Policy, parsePolicy } from "../../../src/tlog/policy.ts";
import { lintPolicy } from "../../../src/tlog/policy-lint.ts";
import { formatTlogProof, parseTlogProof, verifyTlogProof } from "../../../src/tlog/proof.ts";
import { vectorBytes, vectorInputs, vectorTexts } from "../seeds.ts";
import { assertSameBytes, assertSameText, assertTrue, bytesOf, type Target, textOf } from "../target.ts";

export const NOTES: readonly Target[] = [
  {
    name: "note",
    seeds: () => vectorInputs("note.json", "note"),
    run: (input) => assertSameBytes(input, formatNote(parseNote(input))),
  },
  {
    name: "signature-line",
    seeds: () =>
      vectorTexts("note.json", "note").flatMap((note) =>
        note
          .split("\n")
          .filter((line) => line.startsWith("—"))
          .map(bytesOf),
      ),
    run: (input) => assertSameText(textOf(input), parseSignatureLine(textOf(input)).line),
  },
  {
    name: "checkpoint",
    seeds: () => vectorInputs("checkpoint.json", "body"),
    run: (input) => assertSameText(textOf(input), formatCheckpoint(parseCheckpoint(textOf(input)))),
  },
  {
    name: "cosignature",
    seeds: () => vectorBytes("cosignature.json", "payload"),
    run(input) {
      for (const type of [4, 6] as const) {
        if (input.length === (type === 4 ? 72 : 2428)) {
          assertSameBytes(input, encodeTimestampedSignature(decodeTimestampedSignature(type, input)));
        }
      }
    },
  },
  {
    name: "vkey",
    seeds: () => vectorInputs("vkey.json", "vkey"),
    run: (input) => assertSameText(textOf(input), formatVerifierKey(parseVerifierKey(textOf(input)))),
  },
  {
    name: "signing-key",
    seeds: () => vectorInputs("vkey.json", "signingKey"),
    run: (input) => assertSameText(textOf(input), formatSigningKey(parseSigningKey(textOf(input)))),
  },
  {
    name: "policy",
    seeds: () => [
      ...vectorInputs("policy.json", "policy"),
      ...vectorInputs("signed-checkpoint.json", "policy").slice(0, 8),
    ],
    run(input) {
      const policy = parsePolicy(input);
      const formatted = formatPolicy(policy);
      // Comments and blanks go; what is said stays.
      assertSameBytes(formatted, formatPolicy(parsePolicy(formatted)));
      lintPolicy(policy);
    },
  },
  {
    name: "signed-checkpoint",
    seeds: () => vectorInputs("signed-checkpoint.json", "signedNote"),
    async run(input) {
      const policy = signedPolicy();
      const { origin, treeSize, rootHash, extensions } = await openCheckpoint({ policy, signedNote: input });
      const text = formatCheckpoint({ origin, treeSize, rootHash, extensions });
      const signed = vectorTexts("signed-checkpoint.json", "signedNote");
      assertTrue(
        signed.some((note) => note.startsWith(`${text}\n`)),
        `verified what nobody signed: ${JSON.stringify(text)}`,
      );
    },
  },
  {
    name: "receipt",
    seeds: () => vectorInputs("tlog-proof.json", "receipt"),
    async run(input) {
      assertSameText(Buffer.from(input).toString("utf8"), formatTlogProof(parseTlogProof(input)));
      const entry = bytesOf("entry 0");
      const [policy = ""] = vectorTexts("tlog-proof.json", "policy");
      const { leafIndex } = await verifyTlogProof({ receipt: input, entry, policy: parsePolicy(policy) });
      assertTrue(leafIndex === 0, `entry 0 verified at ${leafIndex}`);
    },
  },
];

/** Of the vectors' policies the first: the log's key, and nobody has to cosign. */
function signedPolicy(): Policy {
  return parsePolicy(vectorTexts("signed-checkpoint.json", "policy")[0] ?? "");
}
