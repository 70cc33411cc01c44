import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { emptyRootHash } from "../../src/merkle/hash.ts";
import {
  type Checkpoint,
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from "../../src/tlog/checkpoint.ts";
import { decodeBase64 } from "../../src/tlog/encoding.ts";
import { type NoteSigner, parseVerifierKey } from "../../src/tlog/key.ts";
import { formatNote, noteSignature, parseNote, signNote } from "../../src/tlog/note.ts";
import { parsePolicy, singleKeyPolicy } from "../../src/tlog/policy.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { runs, someBelow } from "../runs.ts";
import { TIME, testSigner, text, utf8, vkeyOf } from "./signers.ts";

const ORIGIN = "example.com/log";
const ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
const EMPTY_ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const EXAMPLE = `example.com/behind-the-sofa\n20852163\n${ROOT}\n`;

const checkpoint: Checkpoint = {
  origin: ORIGIN,
  treeSize: 7,
  rootHash: decodeBase64(ROOT),
  extensions: [],
};
const log = await testSigner(ORIGIN);
const newLog = await testSigner(ORIGIN, 1, 2);
const quantumLog = await testSigner(ORIGIN, 6, 3, 0);
const w1 = await testSigner("witness.example/1", 4, 11);
const w2 = await testSigner("witness.example/2", 4, 12, TIME + 1);
const w3 = await testSigner("witness.example/3", 6, 13, TIME + 2);

const key = (signer: NoteSigner) => signer.verifierKey;
const policyOf = (quorum: string) =>
  parsePolicy(
    `log ${vkeyOf(log)}\nwitness one ${vkeyOf(w1)}\nwitness two ${vkeyOf(w2)}\nwitness three ${vkeyOf(w3)}\n${quorum}\n`,
  );
const malformed = (body: string) => expectCode(() => parseCheckpoint(body), "CHECKPOINT_MALFORMED");

describe("parseCheckpoint", () => {
  it("CP-1 reads origin, size and root, one a line", () => {
    expect(parseCheckpoint(EXAMPLE)).toEqual({
      origin: "example.com/behind-the-sofa",
      treeSize: 20852163,
      rootHash: decodeBase64(ROOT),
      extensions: [],
    });
    expect(formatCheckpoint(parseCheckpoint(EXAMPLE))).toBe(EXAMPLE);
  });

  it("CP-1 keeps extension lines, none of them empty", () => {
    const body = `${EXAMPLE}first\n second \n`;
    expect(parseCheckpoint(body).extensions).toEqual(["first", " second "]);
    expect(formatCheckpoint(parseCheckpoint(body))).toBe(body);
    malformed(`${EXAMPLE}\n`);
    malformed(`${EXAMPLE}first\n\nthird\n`);
  });

  it.each(["", "\n", "a\n", "a\n1\n", `a\n1\n${ROOT}`, `${EXAMPLE}extension`, "\n\n\n"])(
    "CP-1 refuses %j: fewer than three whole lines",
    (body) => {
      malformed(body);
    },
  );

  it("CP-2 the origin is any non-empty line", () => {
    for (const origin of ["go.sum database tree", "a+b", " ", "é", "https://example.com/"]) {
      expect(parseCheckpoint(`${origin}\n1\n${ROOT}\n`).origin).toBe(origin);
    }
    malformed(`\n1\n${ROOT}\n`);
  });

  it.each(["", "01", "00", "+1", "-1", "1 ", " 1", "1.0", "0x1", "one", "１"])(
    "CP-3 refuses the size %j",
    (size) => {
      malformed(`a\n${size}\n${ROOT}\n`);
    },
  );

  it.each(["9007199254740992", "9223372036854775807", "9223372036854775808", "9".repeat(100)])(
    "CP-3 refuses the size %s, above 2^53 - 1, by name",
    (size) => {
      expectCode(() => parseCheckpoint(`a\n${size}\n${ROOT}\n`), "NUMBER_TOO_LARGE");
    },
  );

  it("CP-3 reads sizes up to 2^53 - 1 exactly", () => {
    expect(parseCheckpoint(`a\n9007199254740991\n${ROOT}\n`).treeSize).toBe(Number.MAX_SAFE_INTEGER);
    expect(parseCheckpoint(`a\n0\n${EMPTY_ROOT}\n`).treeSize).toBe(0);
  });

  it.each([
    "YmFuYW5hcw==",
    ROOT.slice(0, -1),
    `${ROOT}=`,
    ROOT.replaceAll("/", "_"),
    `${ROOT} `,
    `${ROOT}\r`,
    ROOT.replace("2I=", "2J="),
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  ])("CP-4 refuses the root %j: not the one spelling of 32 bytes", (root) => {
    malformed(`a\n1\n${root}\n`);
  });

  it("reads back what it writes, and throws nothing but TlogError on damaged bodies", () => {
    const edit = fc.record({
      at: fc.nat({ max: EXAMPLE.length }),
      insert: fc.constantFrom("", "\n", "0", "=", "a", "\u00a0"),
    });
    fc.assert(
      fc.property(edit, fc.nat({ max: 2 }), ({ at, insert }, remove) => {
        const body = EXAMPLE.slice(0, at) + insert + EXAMPLE.slice(at + remove);
        try {
          expect(formatCheckpoint(parseCheckpoint(body))).toBe(body);
        } catch (error) {
          expect(error).toBeInstanceOf(TlogError);
        }
      }),
      { numRuns: runs(500) },
    );
  });
});

describe("formatCheckpoint", () => {
  it("refuses what it could not read back", () => {
    for (const bad of [
      { origin: "" },
      { origin: "a\nb" },
      { extensions: [""] },
      { extensions: ["a\nb"] },
      { treeSize: -1 },
      { treeSize: 0.5 },
      { rootHash: new Uint8Array(31) },
    ]) {
      expectCode(() => formatCheckpoint({ ...checkpoint, ...bad }), "ARGUMENT_INVALID");
    }
  });
});

describe("openCheckpoint", () => {
  it("returns what the log signed, the note verbatim, and which keys verified", async () => {
    const signedNote = await signCheckpoint(checkpoint, [log]);
    const opened = await openCheckpoint({ signedNote, logKeys: [key(log)] });
    expect(opened).toEqual({ ...checkpoint, signedNote, logKeys: [vkeyOf(log)], cosignatures: [] });
    expect(opened.signedNote).not.toBe(signedNote);
    expect(await openCheckpoint({ signedNote, policy: singleKeyPolicy(vkeyOf(log)) })).toEqual(opened);
  });

  it("CP-4 size 0 has the root of the empty tree, and no other", async () => {
    const empty = { ...checkpoint, treeSize: 0, rootHash: emptyRootHash() };
    expect(formatCheckpoint(empty)).toBe(`${ORIGIN}\n0\n${EMPTY_ROOT}\n`);
    expect(
      (await openCheckpoint({ signedNote: await signCheckpoint(empty, [log]), logKeys: [key(log)] }))
        .treeSize,
    ).toBe(0);
    const wrong = { ...checkpoint, treeSize: 0 };
    await expectCodeAsync(signCheckpoint(wrong, [log]), "ARGUMENT_INVALID");
    const signedNote = await signNote(utf8(formatCheckpoint(wrong)), [log]);
    await expectCodeAsync(openCheckpoint({ signedNote, logKeys: [key(log)] }), "ROOT_MISMATCH");
  });

  it("CP-6 the log's key name is the origin", async () => {
    const signedNote = await signCheckpoint({ ...checkpoint, origin: "example.com/elsewhere" }, [log]);
    await expectCodeAsync(openCheckpoint({ signedNote, logKeys: [key(log)] }), "ORIGIN_MISMATCH");
    await expectCodeAsync(openCheckpoint({ signedNote, policy: policyOf("quorum none") }), "ORIGIN_MISMATCH");
  });

  it("CP-6 a log whose key has another name can be opened by naming its origin", async () => {
    const sumdb = await testSigner("sum.example.com");
    const signedNote = await signCheckpoint({ ...checkpoint, origin: "go.sum database tree" }, [sumdb]);
    const logKeys = [key(sumdb)];
    await expectCodeAsync(openCheckpoint({ signedNote, logKeys }), "ORIGIN_MISMATCH");
    const opened = await openCheckpoint({ signedNote, logKeys, expectedOrigin: "go.sum database tree" });
    expect(opened.origin).toBe("go.sum database tree");
    const elsewhere = openCheckpoint({ signedNote, logKeys, expectedOrigin: "another tree" });
    await expectCodeAsync(elsewhere, "ORIGIN_MISMATCH");
  });

  it("CP-6 the expected origin narrows a policy and never widens it", async () => {
    const signedNote = await signCheckpoint(checkpoint, [log]);
    const policy = policyOf("quorum none");
    expect((await openCheckpoint({ signedNote, policy, expectedOrigin: ORIGIN })).origin).toBe(ORIGIN);
    await expectCodeAsync(openCheckpoint({ signedNote, policy, expectedOrigin: "b" }), "ORIGIN_MISMATCH");
    const renamed = await signCheckpoint({ ...checkpoint, origin: "b" }, [log]);
    await expectCodeAsync(
      openCheckpoint({ signedNote: renamed, policy, expectedOrigin: "b" }),
      "ORIGIN_MISMATCH",
    );
  });

  it("does not let one log of a policy sign for another", async () => {
    const second = await testSigner("example.com/second", 1, 5);
    const policy = parsePolicy(`log ${vkeyOf(log)}\nlog ${vkeyOf(second)}\nquorum none\n`);
    const signedNote = await signCheckpoint(checkpoint, [second]);
    await expectCodeAsync(openCheckpoint({ signedNote, policy }), "SIGNATURE_MISSING");
  });

  it("CP-7 an ML-DSA-44 log signature alone never covers extension lines", async () => {
    const plain = await signCheckpoint(checkpoint, [quantumLog]);
    const logKeys = [key(quantumLog), key(log)];
    expect((await openCheckpoint({ signedNote: plain, logKeys })).logKeys).toEqual([vkeyOf(quantumLog)]);
    const extended = { ...checkpoint, extensions: ["added"] };
    await expectCodeAsync(signCheckpoint(extended, [quantumLog]), "ARGUMENT_INVALID");
    // Somebody adds a line: the signature still verifies, the checkpoint must not.
    const { signatures } = parseNote(plain);
    const added = formatNote({ text: utf8(formatCheckpoint(extended)), signatures });
    await expectCodeAsync(openCheckpoint({ signedNote: added, logKeys }), "SIGNATURE_MISSING");
  });

  it("CP-7 extension lines that an Ed25519 log signature covers are returned, ML-DSA-44 signatures beside it", async () => {
    const extended = { ...checkpoint, extensions: ["covered"] };
    const plain = parseNote(await signCheckpoint(checkpoint, [quantumLog]));
    const covered = parseNote(await signCheckpoint(extended, [log]));
    const signedNote = formatNote({
      text: covered.text,
      signatures: [...covered.signatures, ...plain.signatures],
    });
    const opened = await openCheckpoint({ signedNote, logKeys: [key(log), key(quantumLog)] });
    expect(opened.extensions).toEqual(["covered"]);
    expect(opened.logKeys).toEqual([vkeyOf(log), vkeyOf(quantumLog)]);
  });

  it("takes any one of several log keys, but not a known one that fails", async () => {
    const logKeys = [key(newLog), key(log)];
    const byOld = await signCheckpoint(checkpoint, [log]);
    expect((await openCheckpoint({ signedNote: byOld, logKeys })).logKeys).toEqual([vkeyOf(log)]);
    const both = await signCheckpoint(checkpoint, [log, newLog]);
    expect((await openCheckpoint({ signedNote: both, logKeys })).logKeys).toEqual([
      vkeyOf(log),
      vkeyOf(newLog),
    ]);
    const note = parseNote(byOld);
    const bad = noteSignature(key(newLog), new Uint8Array(64));
    const signedNote = formatNote({ text: note.text, signatures: [...note.signatures, bad] });
    await expectCodeAsync(openCheckpoint({ signedNote, logKeys }), "SIGNATURE_INVALID");
  });

  it("does not take witnesses for the log", async () => {
    const signedNote = await signCheckpoint(checkpoint, [w1, w2, w3]);
    await expectCodeAsync(
      openCheckpoint({ signedNote, policy: policyOf("quorum none") }),
      "SIGNATURE_MISSING",
    );
  });

  it("counts only cosignatures that verify, and says when", async () => {
    const signedNote = await signCheckpoint(checkpoint, [log, w1, w3]);
    const policy = policyOf("group g 2 one two three\nquorum g");
    const { cosignatures } = await openCheckpoint({ signedNote, policy });
    expect(cosignatures).toEqual([
      { name: "one", vkey: vkeyOf(w1), timestampSeconds: TIME },
      { name: "three", vkey: vkeyOf(w3), timestampSeconds: TIME + 2 },
    ]);
  });

  it("rejects without a quorum, also when one witness's line is repeated", async () => {
    const policy = policyOf("group g 2 one two three\nquorum g");
    const once = parseNote(await signCheckpoint(checkpoint, [log, w1]));
    await expectCodeAsync(openCheckpoint({ signedNote: formatNote(once), policy }), "QUORUM_NOT_MET");
    const twice = formatNote({ text: once.text, signatures: [...once.signatures, ...once.signatures] });
    await expectCodeAsync(openCheckpoint({ signedNote: twice, policy }), "QUORUM_NOT_MET");
  });

  it("rejects when a known witness's line fails, quorum or not", async () => {
    const note = parseNote(await signCheckpoint(checkpoint, [log, w1, w3]));
    const bad = noteSignature(key(w2), new Uint8Array(72));
    const signedNote = formatNote({ text: note.text, signatures: [...note.signatures, bad] });
    const policy = policyOf("group g 2 one two three\nquorum g");
    await expectCodeAsync(openCheckpoint({ signedNote, policy }), "SIGNATURE_INVALID");
  });

  it("opens with a policy that names one key both as a log's and as a witness's", async () => {
    const both = await testSigner(ORIGIN, 6, 9, TIME);
    const policy = parsePolicy(`log ${vkeyOf(both)}\nwitness w ${vkeyOf(both)}\nquorum w\n`);
    const opened = await openCheckpoint({ signedNote: await signCheckpoint(checkpoint, [both]), policy });
    expect(opened).toMatchObject({ logKeys: [vkeyOf(both)], cosignatures: [{ name: "w" }] });
  });

  it("rejects a signed text that is no checkpoint, and a note that is none", async () => {
    const signedNote = await signNote(utf8(`${ORIGIN}\nhello\n`), [log]);
    await expectCodeAsync(openCheckpoint({ signedNote, logKeys: [key(log)] }), "CHECKPOINT_MALFORMED");
    await expectCodeAsync(openCheckpoint({ signedNote: utf8("x"), logKeys: [key(log)] }), "NOTE_MALFORMED");
    const huge = await signNote(utf8(`${ORIGIN}\n9007199254740992\n${ROOT}\n`), [log]);
    await expectCodeAsync(openCheckpoint({ signedNote: huge, logKeys: [key(log)] }), "NUMBER_TOO_LARGE");
  });

  it("opens nothing else when any bit of the note is turned", async () => {
    const signedNote = await signCheckpoint(checkpoint, [log, w1]);
    const policy = policyOf("quorum none");
    const good = await openCheckpoint({ signedNote, policy });
    for (const bit of someBelow(8 * signedNote.length)) {
      const damaged = Uint8Array.from(signedNote);
      damaged[Math.floor(bit / 8)] = (damaged[Math.floor(bit / 8)] ?? 0) ^ (1 << (bit % 8));
      try {
        const { origin, treeSize, rootHash, extensions, cosignatures } = await openCheckpoint({
          signedNote: damaged,
          policy,
        });
        expect({ origin, treeSize, rootHash, extensions }).toEqual(checkpoint);
        expect(good.cosignatures).toEqual(expect.arrayContaining([...cosignatures]));
      } catch (error) {
        expect(error).toBeInstanceOf(TlogError);
      }
    }
  });

  it("opens a checkpoint of Go's checksum database, signed in 2024", async () => {
    const signedNote = utf8(
      "go.sum database tree\n30055305\nmXfgRcJ0bG0j3CPdKwgGWtUzBUbX67saZGRmFuJGGsM=\n\n" +
        "— sum.golang.org Az3grpgEild5qw7+5dtV13Kf1C2Xurm8q4fhdxvcsDHnqNTaxL2AFjBY+2TyGKevucFcAAlWFJJYle3EJlDCrQ+y3A8=\n",
    );
    const logKeys = [
      parseVerifierKey("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"),
    ];
    const opened = await openCheckpoint({ signedNote, logKeys, expectedOrigin: "go.sum database tree" });
    expect(opened.treeSize).toBe(30055305);
    expect(text(opened.signedNote)).toContain("go.sum database tree\n");
  });
});
