import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { concatBytes, encodeBase64 } from "../../src/tlog/encoding.ts";
import { keyIdOf, type NoteVerifier, parseVerifierKey, verifierFor } from "../../src/tlog/key.ts";
import {
  formatNote,
  MAX_NOTE_BYTES,
  noteSignature,
  openNote,
  parseNote,
  parseSignatureLine,
  signNote,
} from "../../src/tlog/note.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { runs } from "../runs.ts";
import { testSigner, text, utf8, vkeyOf } from "./signers.ts";

// c2sp.org/signed-note, verifier keys, example
const EXAMPLE_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE_LINE =
  "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const EXAMPLE = `This is an example message.\n\n${EXAMPLE_LINE}`;
const example = verifierFor(parseVerifierKey(EXAMPLE_VKEY));

const signer = await testSigner("example.com/log");
const other = await testSigner("example.com/other", 1, 2);
const verifier = verifierFor(signer.verifierKey);
const otherVerifier = verifierFor(other.verifierKey);
const TEXT = utf8("one\n\ntwo\n");
const signed = await signNote(TEXT, [signer]);
const [, line = ""] = text(signed).split("\n\n— ");
const LINE = `— ${line}`;

function refuse(note: string): void {
  expectCode(() => parseNote(utf8(note)), "NOTE_MALFORMED");
}

describe("parseNote", () => {
  it("NOTE-1 takes a text, an empty line and signature lines apart", () => {
    const note = parseNote(utf8(EXAMPLE));
    expect(text(note.text)).toBe("This is an example message.\n");
    expect(note.signatures).toMatchObject([{ name: "example.com/foo", keyId: 0x530d903a }]);
    expect(note.signatures[0]?.payload.length).toBe(64);
    expect(text(formatNote(note))).toBe(EXAMPLE);
  });

  it.each([
    ["no text", LINE],
    ["no empty line", `text\n${LINE}`],
    ["no signature", "text\n\n"],
    ["no signature and no empty line", "text\n"],
    ["nothing at all", ""],
    ["no final newline", `text\n\n${LINE.slice(0, -1)}`],
    ["a hyphen for the dash", `text\n\n${LINE.replace("—", "-")}`],
    ["an en dash for the em dash", `text\n\n${LINE.replace("—", "–")}`],
    ["a no-break space after the dash", `text\n\n${LINE.replace("— ", "—\u00a0")}`],
    ["no space after the dash", `text\n\n${LINE.replace("— ", "—")}`],
    ["two spaces before the signature", `text\n\n${LINE.replace("log ", "log  ")}`],
    ["a space at the end of a line", `text\n\n${LINE.replace("\n", " \n")}`],
    ["text after the signatures", `text\n\n${LINE}more\n`],
    ["an empty line after the signatures", `text\n\n${LINE}\n`],
  ])("NOTE-1 refuses a note with %s", (_, note) => {
    refuse(note);
  });

  it.each(["\u0000", "\t", "\r", "\u000b", "\u001b", "\u001f"])(
    "NOTE-2 refuses the control character %j",
    (control) => {
      refuse(`te${control}xt\n\n${LINE}`);
      refuse(`text\n\n${LINE.replace("\n", `${control}\n`)}`);
    },
  );

  it.each([[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x8a]])(
    "NOTE-2 refuses bytes that are not UTF-8: %j",
    (...bad) => {
      const bytes = concatBytes(utf8("te"), Uint8Array.from(bad), utf8(`xt\n\n${LINE}`));
      expectCode(() => parseNote(bytes), "NOTE_MALFORMED");
    },
  );

  it("NOTE-2 takes all other UTF-8, a byte order mark and U+007F included", () => {
    const note = utf8(`\ufeffé\u007f\u0085\n\n${LINE}`);
    expect(formatNote(parseNote(note))).toEqual(note);
    expect(text(parseNote(note).text)).toBe("\ufeffé\u007f\u0085\n");
  });

  it("NOTE-3 the last empty line separates; the text keeps its own and its final newline", () => {
    expect(text(parseNote(utf8(`\n\n\na\n\n\n\n${LINE}`)).text)).toBe("\n\n\na\n\n\n");
    expect(text(parseNote(utf8(`\n\n${LINE}`)).text)).toBe("\n");
    expect(text(parseNote(utf8(`a\n\n${LINE}\n${LINE}`)).text)).toBe(`a\n\n${LINE}`);
  });

  it.each(["", "a+b", "a\u00a0b", "a\u0085b", "a\u2003b"])("NOTE-4 refuses the key name %j", (name) => {
    refuse(`text\n\n${LINE.replace("example.com/log", name)}`);
  });

  it.each(["", "AAAA", "AAAAAA==", "AAAAAAA", "AAAAAAA=x", "AAAA AAA=", "AAAA-AA=", "AAAAAAA=AAAA"])(
    "NOTE-5 bad base64 or no signature in any line, known or not, spoils the note: %j",
    async (base64) => {
      const bad = `— unknown.example ${base64}\n`;
      for (const lines of [bad + LINE, LINE + bad]) {
        refuse(`text\n\n${lines}`);
        await expectCodeAsync(openNote(utf8(`text\n\n${lines}`), [verifier]), "NOTE_MALFORMED");
      }
    },
  );

  it("NOTE-5 reads a 4-byte big-endian key ID, then the signature", () => {
    expect(parseSignatureLine("— a AQIDBP8=")).toMatchObject({
      keyId: 0x01020304,
      payload: Uint8Array.of(255),
    });
    expect(parseSignatureLine("— a /////wA=")).toMatchObject({ keyId: 2 ** 32 - 1 });
  });

  it("NOTE-6 takes 16 signatures of 5,000 bytes, and up to 100 signatures", () => {
    const { verifierKey } = signer;
    const large = Array.from({ length: 16 }, () => noteSignature(verifierKey, new Uint8Array(5000)));
    expect(parseNote(formatNote({ text: TEXT, signatures: large })).signatures.length).toBe(16);
    expect(parseNote(utf8(`text\n\n${LINE.repeat(100)}`)).signatures.length).toBe(100);
    refuse(`text\n\n${LINE.repeat(101)}`);
  });

  it("NOTE-6 takes no more than maxBytes", () => {
    const padding = MAX_NOTE_BYTES - utf8(`\n\n${LINE}`).length;
    expect(parseNote(utf8(`${"a".repeat(padding)}\n\n${LINE}`)).signatures.length).toBe(1);
    refuse(`${"a".repeat(padding + 1)}\n\n${LINE}`);
    expectCode(() => parseNote(signed, { maxBytes: signed.length - 1 }), "NOTE_MALFORMED");
    expect(parseNote(signed, { maxBytes: signed.length }).signatures.length).toBe(1);
  });

  it("NOTE-15 ignores the padding bits of a signature, and keeps its line verbatim", async () => {
    // The last character before "=" carries two bits that no byte uses.
    const last = LINE.at(-3) ?? "";
    const respelled = `${LINE.slice(0, -3)}${String.fromCharCode(last.charCodeAt(0) + 1)}=\n`;
    const note = utf8(`one\n\ntwo\n\n${respelled}`);
    expect(respelled).not.toBe(LINE);
    expect(formatNote(parseNote(note))).toEqual(note);
    expect((await openNote(note, [verifier])).verified.length).toBe(1);
  });

  it("keeps no view of its input", () => {
    const bytes = Uint8Array.from(signed);
    const note = parseNote(bytes);
    bytes.fill(0);
    expect(formatNote(note)).toEqual(signed);
  });

  it("reads back what it writes, and throws nothing but TlogError on damaged notes", () => {
    const edit = fc.record({
      at: fc.nat({ max: signed.length }),
      remove: fc.nat({ max: 3 }),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 3 }),
        fc.constantFrom(utf8("\n"), utf8("\n\n"), utf8("— "), utf8("=")),
      ),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        let bytes = signed;
        for (const { at, remove, insert } of edits) {
          bytes = concatBytes(bytes.subarray(0, at), insert, bytes.subarray(at + remove));
        }
        try {
          expect(formatNote(parseNote(bytes))).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(TlogError);
        }
      }),
      { numRuns: runs(500) },
    );
  });
});

describe("openNote", () => {
  it("opens the document's example", async () => {
    const { text: body, verified } = await openNote(utf8(EXAMPLE), [example]);
    expect(text(body)).toBe("This is an example message.\n");
    expect(verified.map(({ verifierKey }) => verifierKey.name)).toEqual(["example.com/foo"]);
  });

  it("NOTE-3 the signed bytes include the final newline and not the empty line", async () => {
    const payload = await signer.sign(utf8("text"));
    const withoutNewline = formatNote({
      text: utf8("text\n"),
      signatures: [noteSignature(signer.verifierKey, payload)],
    });
    await expectCodeAsync(openNote(withoutNewline, [verifier]), "SIGNATURE_INVALID");
  });

  it("NOTE-7 ignores unknown keys, even when the name or the ID alone is known", async () => {
    const payload = parseNote(signed).signatures[0]?.payload ?? TEXT;
    const { name, keyId } = signer.verifierKey;
    const sameName = noteSignature({ ...signer.verifierKey, keyId: keyId + 1 }, payload);
    const sameId = noteSignature({ ...signer.verifierKey, name: `${name}/x` }, payload);
    const own = noteSignature(signer.verifierKey, payload);
    const both = formatNote({ text: TEXT, signatures: [sameName, sameId, own] });
    expect((await openNote(both, [verifier])).verified).toMatchObject([{ signature: { line: own.line } }]);
    const neither = formatNote({ text: TEXT, signatures: [sameName, sameId] });
    await expectCodeAsync(openNote(neither, [verifier]), "SIGNATURE_MISSING");
  });

  it("NOTE-8 rejects the whole note when a known key's signature fails", async () => {
    const bad = noteSignature(other.verifierKey, new Uint8Array(64));
    const note = { text: TEXT, signatures: [...parseNote(signed).signatures, bad] };
    await expectCodeAsync(openNote(formatNote(note), [verifier, otherVerifier]), "SIGNATURE_INVALID");
    expect((await openNote(formatNote(note), [verifier])).verified.length).toBe(1);
  });

  it("NOTE-8 rejects a note that no known key signed", async () => {
    await expectCodeAsync(openNote(signed, [otherVerifier]), "SIGNATURE_MISSING");
    await expectCodeAsync(openNote(signed, []), "SIGNATURE_MISSING");
  });

  it("NOTE-9 verifies each known key once, on its first line, and drops repeats", async () => {
    const [good] = parseNote(signed).signatures;
    if (good === undefined) throw new Error("no signature");
    const garbage = noteSignature(signer.verifierKey, new Uint8Array(64));
    let verifications = 0;
    const counting: NoteVerifier = {
      verifierKey: signer.verifierKey,
      verify: (claim) => {
        verifications++;
        return verifier.verify(claim);
      },
    };
    const repeated = formatNote({ text: TEXT, signatures: [good, good, garbage, good] });
    const { verified } = await openNote(repeated, [counting]);
    expect(verified.map(({ signature }) => signature.line)).toEqual([good.line]);
    expect(verifications).toBe(1);
    const garbageFirst = formatNote({ text: TEXT, signatures: [garbage, good] });
    await expectCodeAsync(openNote(garbageFirst, [verifier]), "SIGNATURE_INVALID");
  });

  it("lists the keys that verified in the order of their lines", async () => {
    const note = await signNote(TEXT, [other, signer]);
    const { verified } = await openNote(note, [verifier, otherVerifier]);
    expect(verified.map(({ verifierKey }) => verifierKey.name)).toEqual([
      "example.com/other",
      "example.com/log",
    ]);
  });

  it("refuses two keys of one name and ID, since a line could mean either", async () => {
    const twin = { ...verifier, verifierKey: { ...signer.verifierKey, publicKey: new Uint8Array(32) } };
    await expectCodeAsync(openNote(signed, [verifier, twin]), "ARGUMENT_INVALID");
  });
});

describe("signNote", () => {
  it("NOTE-1 writes the text, an empty line, and a line for each signer", async () => {
    const note = text(await signNote(TEXT, [signer, other]));
    expect(note.startsWith("one\n\ntwo\n\n— example.com/log ")).toBe(true);
    expect(note.split("\n").length).toBe(7);
    expect(vkeyOf(signer)).toContain(`+${keyIdOf(signer.verifierKey).toString(16).padStart(8, "0")}+`);
    expect(encodeBase64(parseNote(utf8(note)).signatures[0]?.payload ?? TEXT).length).toBe(88);
  });

  it.each(["", "text", "te\txt\n", "te\rxt\n", "\u0000\n"])("NOTE-2 does not sign %j", async (bad) => {
    await expectCodeAsync(signNote(utf8(bad), [signer]), "ARGUMENT_INVALID");
  });

  it("does not sign bytes that are not UTF-8, nor without a signer", async () => {
    await expectCodeAsync(signNote(Uint8Array.of(0xff, 0x0a), [signer]), "ARGUMENT_INVALID");
    await expectCodeAsync(signNote(TEXT, []), "ARGUMENT_INVALID");
  });
});
