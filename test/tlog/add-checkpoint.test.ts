import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatAddCheckpoint,
  formatCosignatureLines,
  formatSizeConflict,
  MAX_ADD_CHECKPOINT_BYTES,
  MAX_COSIGNATURES_BYTES,
  parseAddCheckpoint,
  parseCosignatureLines,
  parseSizeConflict,
} from "../../src/tlog/add-checkpoint.ts";
import { noteSignature } from "../../src/tlog/note.ts";
import { expectCode } from "../expect-code.ts";
import { runs } from "../runs.ts";
import { testSigner, text, utf8 } from "./signers.ts";

// The document's own example.
const PROOF = [
  "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=",
  "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=",
  "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=",
  "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=",
];
const CHECKPOINT = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`;
const LINES = PROOF.map((line) => `${line}\n`).join("");
const BODY = `old 20852014\n${LINES}\n${CHECKPOINT}`;

const malformed = (body: string | Uint8Array) =>
  expectCode(() => parseAddCheckpoint(typeof body === "string" ? utf8(body) : body), "REQUEST_MALFORMED");

describe("parseAddCheckpoint", () => {
  it("takes the document's example apart", () => {
    const { oldSize, proof, checkpoint } = parseAddCheckpoint(utf8(BODY));
    expect(oldSize).toBe(20_852_014);
    expect(proof.map((hash) => Buffer.from(hash).toString("base64"))).toEqual(PROOF);
    expect(text(checkpoint)).toBe(CHECKPOINT);
  });

  it("takes a request without a proof", () => {
    expect(parseAddCheckpoint(utf8(`old 0\n\n${CHECKPOINT}`))).toEqual({
      oldSize: 0,
      proof: [],
      checkpoint: utf8(CHECKPOINT),
    });
  });

  it("splits at the first empty line, and leaves the checkpoint alone whatever it is", () => {
    const rest = "\n\na\r\n\n\n\xff";
    expect(parseAddCheckpoint(utf8(`old 1\n\n${rest}`)).checkpoint).toEqual(utf8(rest));
    expect(parseAddCheckpoint(utf8("old 1\n\n")).checkpoint).toEqual(new Uint8Array(0));
  });

  it.each([
    "old 03",
    "old +3",
    "old -3",
    "old 3 ",
    "old  3",
    " old 3",
    "old\t3",
    "old 3\r",
    "old 3.0",
    "old 0x3",
    "old 3e0",
    "old 1_0",
    "old 00",
    "old -0",
    "old ٣",
    "old ",
    "old",
    "old3",
    "Old 3",
    "new 3",
    "3",
    "\ufeffold 3",
    "old 3\0",
    "old 9007199254740992",
    "old 18446744073709551616",
    `old ${"9".repeat(300)}`,
  ])("refuses the line %j", (line) => {
    malformed(`${line}\n${LINES}\n${CHECKPOINT}`);
    malformed(`${line}\n\n${CHECKPOINT}`);
  });

  it("takes an old size up to 2^53 - 1", () => {
    const body = utf8(`old 9007199254740991\n\n${CHECKPOINT}`);
    expect(parseAddCheckpoint(body).oldSize).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    ["of 31 bytes", Buffer.alloc(31).toString("base64")],
    ["of 33 bytes", Buffer.alloc(33).toString("base64")],
    ["without padding", `${"A".repeat(43)}`],
    ["with bits before the padding", `${"A".repeat(42)}B=`],
    ["in base64url", PROOF[3]!.replaceAll("/", "_")],
    ["in hex", "00".repeat(32)],
    ["with a carriage return", `${PROOF[0]}\r`],
    ["with a space", `${PROOF[0]} `],
    ["that is an old line", "old 3"],
    ["that is no text", "\ufffd"],
  ])("refuses a proof line %s", (_what, line) => {
    malformed(`old 3\n${line}\n\n${CHECKPOINT}`);
    malformed(`old 3\n${LINES}${line}\n\n${CHECKPOINT}`);
  });

  it("takes 63 proof lines and refuses 64", () => {
    const lines = (count: number) => `old 3\n${`${PROOF[0]}\n`.repeat(count)}\n${CHECKPOINT}`;
    expect(parseAddCheckpoint(utf8(lines(63))).proof.length).toBe(63);
    malformed(lines(64));
    malformed(`old 3\n${`${PROOF[0]}\n`.repeat(2000)}`);
  });

  it("takes 128 KiB and refuses a byte more", () => {
    const body = new Uint8Array(MAX_ADD_CHECKPOINT_BYTES + 1).fill(0x61);
    body.set(utf8("old 3\n\n"));
    expect(parseAddCheckpoint(body.subarray(0, -1)).checkpoint.length).toBe(131_072 - 7);
    malformed(body);
  });

  it.each([
    "",
    "\n",
    "\n\n",
    "old 3",
    "old 3\n",
    `old 3\n${LINES}`,
    `old 3\r\n\r\n${CHECKPOINT}`,
    CHECKPOINT,
  ])("refuses %j", (body) => {
    malformed(body);
  });

  it("refuses bytes that are not UTF-8 in its lines", () => {
    malformed(Uint8Array.of(0xff, ...utf8(BODY)));
    malformed(Uint8Array.of(...utf8("old 3\n"), 0xff, ...utf8(`\n\n${CHECKPOINT}`)));
  });

  it("throws nothing but REQUEST_MALFORMED at one byte changed, and formats what it takes as it came", () => {
    const body = utf8(BODY);
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const changed = body.with(at, byte);
        const parsed = attempt(() => parseAddCheckpoint(changed));
        if (parsed !== undefined) expect(formatAddCheckpoint(parsed)).toEqual(changed);
      }),
      { numRuns: runs(500) },
    );
  });
});

describe("formatAddCheckpoint", () => {
  it("writes what parseAddCheckpoint reads", () => {
    expect(text(formatAddCheckpoint(parseAddCheckpoint(utf8(BODY))))).toBe(BODY);
    const request = fc.record({
      oldSize: fc.maxSafeNat(),
      proof: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 63 }),
      checkpoint: fc.uint8Array({ maxLength: 200 }),
    });
    fc.assert(
      fc.property(request, (asked) => {
        expect(parseAddCheckpoint(formatAddCheckpoint(asked))).toEqual(asked);
      }),
    );
  });

  it("refuses what no witness would take", () => {
    const hash = new Uint8Array(32);
    const checkpoint = utf8(CHECKPOINT);
    const format = (change: object) => () =>
      formatAddCheckpoint({ oldSize: 3, proof: [hash], checkpoint, ...change });
    expectCode(format({ proof: Array(64).fill(hash) }), "ARGUMENT_INVALID");
    expectCode(format({ proof: [hash.subarray(1)] }), "HASH_MALFORMED");
    expectCode(format({ oldSize: -1 }), "ARGUMENT_INVALID");
    expectCode(format({ oldSize: 2 ** 53 }), "ARGUMENT_INVALID");
    expectCode(format({ checkpoint: new Uint8Array(MAX_ADD_CHECKPOINT_BYTES) }), "ARGUMENT_INVALID");
  });
});

describe("the answer of a witness that cosigned", async () => {
  const { verifierKey } = await testSigner("witness.example/w1", 4);
  const signature = noteSignature(verifierKey, new Uint8Array(72).fill(7));
  const lines = `${signature.line}\n`;

  it("is signature lines, read and written alike", () => {
    for (const body of [lines, lines.repeat(3)])
      expect(text(formatCosignatureLines(parseCosignatureLines(utf8(body))))).toBe(body);
    expect(parseCosignatureLines(utf8(lines))).toEqual([signature]);
  });

  it.each([
    ["nothing", ""],
    ["an empty line", "\n"],
    ["no last newline", lines.slice(0, -1)],
    ["an empty line in between", `${lines}\n${lines}`],
    ["a note", `${CHECKPOINT}`],
    ["carriage returns", lines.replace("\n", "\r\n")],
    ["a hyphen for the dash", lines.replace("—", "-")],
    ["101 lines", "— a AAAAAAA=\n".repeat(101)],
    ["a key ID without a signature", "— a AAAAAA==\n"],
  ])("is refused with %s", (_what, body) => {
    expectCode(() => parseCosignatureLines(utf8(body)), "REQUEST_MALFORMED");
  });

  it("is refused above 16 KiB, and when it is not UTF-8", () => {
    const padded = (size: number) => utf8(`— a ${"A".repeat(size - 7)}\n`);
    expect(padded(MAX_COSIGNATURES_BYTES).length).toBe(16_384);
    expectCode(() => parseCosignatureLines(padded(MAX_COSIGNATURES_BYTES + 4)), "REQUEST_MALFORMED");
    expectCode(() => parseCosignatureLines(Uint8Array.of(0xff, 0x0a)), "REQUEST_MALFORMED");
    const huge = noteSignature(verifierKey, new Uint8Array(MAX_COSIGNATURES_BYTES));
    expectCode(() => formatCosignatureLines([huge]), "ARGUMENT_INVALID");
    expectCode(() => formatCosignatureLines([]), "ARGUMENT_INVALID");
    expectCode(() => formatCosignatureLines(Array(101).fill(signature)), "ARGUMENT_INVALID");
  });

  it("has room for four ML-DSA-44 cosignatures", async () => {
    const mlDsa = await testSigner("witness.example/w1", 6);
    const line = noteSignature(mlDsa.verifierKey, new Uint8Array(2428));
    expect(parseCosignatureLines(formatCosignatureLines(Array(4).fill(line))).length).toBe(4);
  });
});

describe("the answer of a witness at another size", () => {
  it("is a decimal and a newline, read and written alike", () => {
    for (const treeSize of [0, 3, 20_852_163, Number.MAX_SAFE_INTEGER]) {
      expect(text(formatSizeConflict(treeSize))).toBe(`${treeSize}\n`);
      expect(parseSizeConflict(formatSizeConflict(treeSize))).toBe(treeSize);
    }
    expectCode(() => formatSizeConflict(-1), "ARGUMENT_INVALID");
  });

  it.each([
    "",
    "\n",
    "3",
    "03\n",
    "+3\n",
    " 3\n",
    "3 \n",
    "3\r\n",
    "3\n\n",
    "3\n4\n",
    "-1\n",
    "9007199254740992\n",
  ])("is refused as %j", (body) => {
    expectCode(() => parseSizeConflict(utf8(body)), "REQUEST_MALFORMED");
  });

  it("is refused when it is long, or no text", () => {
    expectCode(() => parseSizeConflict(utf8(`${"1".repeat(1_000_000)}\n`)), "REQUEST_MALFORMED");
    expectCode(() => parseSizeConflict(Uint8Array.of(0xff, 0x0a)), "REQUEST_MALFORMED");
  });
});

/** @returns undefined when it threw REQUEST_MALFORMED; anything else it throws goes on. */
function attempt<T>(parse: () => T): T | undefined {
  let parsed: T | undefined;
  try {
    parsed = parse();
  } catch (error) {
    expectCode(() => {
      throw error;
    }, "REQUEST_MALFORMED");
  }
  return parsed;
}
