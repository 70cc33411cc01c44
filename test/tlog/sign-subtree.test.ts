import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatSignSubtree, parseSignSubtree } from "../../src/tlog/sign-subtree.ts";
import { expectCode } from "../expect-code.ts";
import { text, utf8 } from "./signers.ts";

// The document's own example, but for its signature, which it leaves out.
const HASH = "mbsQCg+dEIMGlpqeGgk94JutQwKKS2Lo5IuDhKmDjiU=";
const PROOF = [
  "CD82D2LDm0phY0+xKbHyZfq3Hw21lVkuV7Zis5EFg0k=",
  "h/ghL5nyaXTIBAklqDnisM+SFdbA3izoGZ5oRYMZzc0=",
  "8qtnAAU9sTKQx/zt3E4v8Jt2a9IMQUf0QUawvePF9y0=",
  "KuO5BNOmginG34Lm5G3e2GuiWliGo3K0ebzGpvI0fEg=",
];
const CHECKPOINT =
  "example.com/behind-the-sofa\n14\n/CcKVZM9n65aH7jLaIZuUB4/MSlEFQ4+ldwUC21rDHM=\n\n— witness.example/w1 LijDAA==\n";
const LINES = PROOF.map((line) => `${line}\n`).join("");
const BODY = `subtree 8 13\n${HASH}\n${LINES}\n${CHECKPOINT}`;

const malformed = (body: string) => expectCode(() => parseSignSubtree(utf8(body)), "REQUEST_MALFORMED");

describe("parseSignSubtree", () => {
  it("takes the document's example apart", () => {
    const { start, end, hash, proof, checkpoint } = parseSignSubtree(utf8(BODY));
    expect([start, end]).toEqual([8, 13]);
    expect([hash, ...proof].map((bytes) => Buffer.from(bytes).toString("base64"))).toEqual([HASH, ...PROOF]);
    expect(text(checkpoint)).toBe(CHECKPOINT);
  });

  it("takes a whole tree, without a proof", () => {
    expect(parseSignSubtree(utf8(`subtree 0 14\n${HASH}\n\n${CHECKPOINT}`))).toMatchObject({
      start: 0,
      end: 14,
      proof: [],
    });
  });

  it.each([
    "subtree 8 8",
    "subtree 0 0",
    "subtree 13 8",
    "subtree 4 13",
    "subtree 1 3",
    "subtree 08 13",
    "subtree 8 013",
    "subtree +8 13",
    "subtree 8 13 ",
    "subtree  8 13",
    "subtree 8  13",
    "subtree 8 13 14",
    "subtree 8",
    "subtree 8 ",
    "subtree",
    " subtree 8 13",
    "subtree\t8 13",
    "subtree 8 13\r",
    "Subtree 8 13",
    "old 8",
    "subtree 0 9007199254740992",
    "subtree 9007199254740992 9007199254740993",
  ])("refuses the line %j", (line) => {
    malformed(`${line}\n${HASH}\n${LINES}\n${CHECKPOINT}`);
  });

  it("refuses a request without a hash, or with one that is none", () => {
    malformed(`subtree 8 13\n\n${CHECKPOINT}`);
    for (const line of ["AAAA", HASH.slice(1), `${HASH} `, `${HASH}\r`, "a".repeat(64)])
      malformed(`subtree 8 13\n${line}\n${LINES}\n${CHECKPOINT}`);
  });

  it("takes 63 proof lines and refuses 64", () => {
    const lines = (count: number) => `subtree 8 13\n${HASH}\n${`${PROOF[0]}\n`.repeat(count)}\n${CHECKPOINT}`;
    expect(parseSignSubtree(utf8(lines(63))).proof.length).toBe(63);
    malformed(lines(64));
  });

  it.each(["", "\n\n", `subtree 8 13\n${HASH}\n`, BODY.replaceAll("\n", "\r\n")])("refuses %j", (body) => {
    malformed(body);
  });
});

describe("formatSignSubtree", () => {
  it("writes what parseSignSubtree reads", () => {
    expect(text(formatSignSubtree(parseSignSubtree(utf8(BODY))))).toBe(BODY);
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const request = fc.record({
      hash,
      proof: fc.array(hash, { maxLength: 63 }),
      checkpoint: fc.uint8Array(),
    });
    fc.assert(
      fc.property(fc.nat(40), fc.nat(4095), request, (level, place, rest) => {
        const start = place * 2 ** level;
        const asked = { start, end: start + 2 ** level, ...rest };
        expect(parseSignSubtree(formatSignSubtree(asked))).toEqual(asked);
      }),
    );
  });

  it("refuses what no witness would take", () => {
    const good = parseSignSubtree(utf8(BODY));
    expectCode(() => formatSignSubtree({ ...good, end: 8 }), "ARGUMENT_INVALID");
    expectCode(() => formatSignSubtree({ ...good, start: 4 }), "ARGUMENT_INVALID");
    expectCode(() => formatSignSubtree({ ...good, hash: new Uint8Array(31) }), "HASH_MALFORMED");
    expectCode(() => formatSignSubtree({ ...good, proof: Array(64).fill(good.hash) }), "ARGUMENT_INVALID");
  });
});
