import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bytesEqual,
  concatBytes,
  decodeBase64,
  decodeHex,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  encodeUint16,
  encodeUint32,
  encodeUint64,
  encodeUtf8,
  formatDecimal,
  parseDecimal,
  readUint16,
  readUint32,
  readUint64,
} from "../../src/tlog/encoding.ts";
import { expectCode } from "../expect-code.ts";

const safeInteger = fc.nat({ max: Number.MAX_SAFE_INTEGER });

describe("decimal", () => {
  it("reads back every safe integer", () => {
    fc.assert(
      fc.property(safeInteger, (value) => {
        expect(parseDecimal(formatDecimal(value))).toBe(value);
      }),
    );
  });

  it.each([
    "",
    "01",
    "00",
    "+1",
    "-1",
    "-0",
    "1.0",
    "1e3",
    " 1",
    "1 ",
    "1\n",
    "0x10",
    "١",
    "1_000",
    "NaN",
    "Infinity",
  ])("refuses %j", (text) => {
    expectCode(() => parseDecimal(text), "NUMBER_MALFORMED");
  });

  it("refuses numbers above 2^53 - 1 by name, and never rounds", () => {
    expect(parseDecimal("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
    for (const text of ["9007199254740992", "9007199254740993", "9223372036854775807", "1".repeat(1000)]) {
      expectCode(() => parseDecimal(text), "NUMBER_TOO_LARGE");
    }
  });

  it("keeps to the given maximum", () => {
    expect(parseDecimal("255", { max: 255 })).toBe(255);
    expectCode(() => parseDecimal("256", { max: 255 }), "NUMBER_TOO_LARGE");
  });

  it("writes no number that it could not read", () => {
    for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expectCode(() => formatDecimal(value), "ARGUMENT_INVALID");
    }
  });
});

describe("base64", () => {
  it("reads back all bytes, as the platform writes them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(encodeBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
        expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes);
      }),
    );
  });

  // NOTE-15: the alphabet is +/, padding is required, no white space.
  it.each([
    "A",
    "AA",
    "AAA",
    "A===",
    "====",
    "=",
    "AA=A",
    "AAAA=",
    "AA==AAAA",
    "AA-_",
    " AAAA",
    "AAAA\n",
    "AA\nAA",
    "AAÀA",
    "AAAA====",
  ])("NOTE-15 refuses %j", (text) => {
    expectCode(() => decodeBase64(text), "BASE64_MALFORMED");
    expectCode(() => decodeBase64(text, { paddingBits: "ignored" }), "BASE64_MALFORMED");
  });

  it("NOTE-15 demands zero padding bits, except where they are to be ignored", () => {
    for (const text of ["AB==", "AAB="]) {
      expectCode(() => decodeBase64(text), "BASE64_MALFORMED");
      expect(decodeBase64(text, { paddingBits: "ignored" }).every((byte) => byte === 0)).toBe(true);
    }
  });

  it("gives each value one spelling", () => {
    const loose = fc.stringMatching(/^(?:[A-Za-z0-9+/]{4}){0,3}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
    fc.assert(
      fc.property(loose, (text) => {
        const bytes = decodeBase64(text, { paddingBits: "ignored" });
        if (encodeBase64(bytes) === text) expect(decodeBase64(text)).toEqual(bytes);
        else expectCode(() => decodeBase64(text), "BASE64_MALFORMED");
      }),
    );
  });

  it("takes the 64 digits and nothing else, at each place of a group", () => {
    const isDigit = (char: string) => /^[A-Za-z0-9+/]$/.test(char);
    const chars = Array.from({ length: 0x300 }, (_, code) => String.fromCharCode(code)).filter(
      (char) => char !== "=",
    );
    for (const char of [...chars, "\uFF21", "\u{1F600}".slice(0, 1)]) {
      for (const place of [0, 1, 2, 3]) {
        const text = `////${"/".repeat(place)}${char}${"/".repeat(3 - place)}////`;
        if (isDigit(char)) expect(decodeBase64(text)).toEqual(Uint8Array.from(Buffer.from(text, "base64")));
        else expectCode(() => decodeBase64(text, { paddingBits: "ignored" }), "BASE64_MALFORMED");
      }
    }
  });
});

describe("hex", () => {
  it("reads back all bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeHex(encodeHex(bytes))).toEqual(bytes);
      }),
    );
  });

  it.each(["0", "0G", "AB", "0x00", " 00", "00\n"])("refuses %j", (text) => {
    expectCode(() => decodeHex(text), "HEX_MALFORMED");
  });
});

describe("UTF-8", () => {
  it("reads back all well-formed text, byte order marks included", () => {
    expect(decodeUtf8(encodeUtf8("\ufeffé\u0000𝄞"))).toBe("\ufeffé\u0000𝄞");
    const wellFormed = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(wellFormed, (text) => {
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
      }),
    );
  });

  it.each([[0x80], [0xc0, 0x80], [0xe2, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff]])(
    "refuses bytes that are not UTF-8: %j",
    (...bytes) => {
      expectCode(() => decodeUtf8(Uint8Array.from(bytes)), "UTF8_MALFORMED");
    },
  );

  it.each(["\ud800", "a\udc00", "\udc00\ud800"])("refuses half of a surrogate pair: %j", (text) => {
    expectCode(() => encodeUtf8(text), "UTF8_MALFORMED");
  });
});

describe("big-endian integers", () => {
  it("reads back all values", () => {
    fc.assert(
      fc.property(safeInteger, (value) => {
        expect(readUint64(encodeUint64(value), 0)).toBe(value);
        expect(readUint32(encodeUint32(value % 2 ** 32), 0)).toBe(value % 2 ** 32);
        expect(readUint16(encodeUint16(value % 65536), 0)).toBe(value % 65536);
      }),
    );
  });

  it("puts the most significant byte first", () => {
    expect(encodeUint16(0x0102)).toEqual(Uint8Array.of(1, 2));
    expect(encodeUint32(0xfffefdfc)).toEqual(Uint8Array.of(0xff, 0xfe, 0xfd, 0xfc));
    expect(encodeUint64(2 ** 53 - 1)).toEqual(Uint8Array.of(0, 31, 255, 255, 255, 255, 255, 255));
  });

  it("refuses what does not fit or is not there", () => {
    expectCode(() => encodeUint16(65536), "ARGUMENT_INVALID");
    expectCode(() => encodeUint32(2 ** 32), "ARGUMENT_INVALID");
    expectCode(() => encodeUint64(2 ** 53), "ARGUMENT_INVALID");
    expectCode(() => encodeUint64(-1), "ARGUMENT_INVALID");
    expectCode(() => readUint64(new Uint8Array(8), 1), "ARGUMENT_INVALID");
    expectCode(() => readUint64(Uint8Array.of(0, 32, 0, 0, 0, 0, 0, 0), 0), "NUMBER_TOO_LARGE");
    expectCode(() => readUint64(new Uint8Array(8).fill(255), 0), "NUMBER_TOO_LARGE");
  });
});

describe("bytes", () => {
  it("joins parts into memory of its own", () => {
    const part = Uint8Array.of(1, 2);
    const whole = concatBytes(part, new Uint8Array(0), Uint8Array.of(3));
    part.fill(9);
    expect(whole).toEqual(Uint8Array.of(1, 2, 3));
  });

  it("compares lengths and contents", () => {
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3))).toBe(false);
  });
});
