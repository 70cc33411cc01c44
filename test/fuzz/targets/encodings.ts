import { printable, printableLine } from "../../../src/telemetry/printable.ts";
import {
  decodeBase64,
  decodeHex,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  encodeUint64,
  encodeUtf8,
  formatDecimal,
  parseDecimal,
  readUint64,
} from "../../../src/tlog/encoding.ts";
import { assertSameBytes, assertSameText, assertTrue, bytesOf, type Target, textOf } from "../target.ts";

export const ENCODINGS: readonly Target[] = [
  {
    name: "decimal",
    seeds: () => ["0", "7", "20852163", "9007199254740991"].map(bytesOf),
    run: (input) => assertSameText(textOf(input), formatDecimal(parseDecimal(textOf(input)))),
  },
  {
    name: "base64",
    seeds: () => ["", "AA==", "AAA=", "AAAA", "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="].map(bytesOf),
    run: (input) => assertSameText(textOf(input), encodeBase64(decodeBase64(textOf(input)))),
  },
  {
    name: "hex",
    seeds: () => ["", "00", "deadbeef"].map(bytesOf),
    run: (input) => assertSameText(textOf(input), encodeHex(decodeHex(textOf(input)))),
  },
  {
    name: "utf8",
    seeds: () => ["", "example.com", "— ü\u{1F332}", "\uFEFFx"].map(bytesOf),
    run: (input) => assertSameBytes(input, encodeUtf8(decodeUtf8(input))),
  },
  {
    name: "uint64",
    seeds: () => [new Uint8Array(8), Uint8Array.of(0, 0x1f, 255, 255, 255, 255, 255, 255)],
    run: (input) => assertSameBytes(input.subarray(0, 8), encodeUint64(readUint64(input, 0))),
  },
  {
    name: "printable",
    seeds: () => ["\u001b[31mred", "a\tb\nc", "\u202Eabc", "\u0085\u061C"].map(bytesOf),
    run(input) {
      assertTrue(!/[^\P{Cc}\n\t]|\p{Bidi_Control}/u.test(printable(textOf(input))), "commands a terminal");
      assertTrue(
        !/\p{Cc}|\p{Bidi_Control}/u.test(printableLine(textOf(input))),
        "commands a terminal, or ends the line",
      );
    },
  },
];
