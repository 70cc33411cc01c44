import { describe, expect, it } from "vitest";
import { MAX_LOG_LIST_BYTES, parseLogList } from "../../src/tlog/log-list.ts";
import { expectCode } from "../expect-code.ts";
import { IS_FULL } from "../runs.ts";
import { testSigner, utf8, vkeyOf } from "./signers.ts";

const VKEY = vkeyOf(await testSigner("example.com/log"));
const OTHER = vkeyOf(await testSigner("other.example/key", 1, 2));
const ML_DSA = vkeyOf(await testSigner("example.com/log", 6));
const COSIGNER = vkeyOf(await testSigner("example.com/log", 4));
const ENTRY = `vkey ${VKEY}\nqpd 86400\ncontact ops (at) example.com | https://example.com/about\n`;

/** The number of the line that the message names. */
function lineOf(list: string): string | undefined {
  const { message } = expectCode(() => parseLogList(list), "LOG_LIST_MALFORMED");
  return /^line (\d+): /.exec(message)?.[1];
}

describe("parseLogList", () => {
  it("reads vkey, origin, qpd and contact", () => {
    const list = `logs/v0\n${ENTRY}vkey ${OTHER}\norigin go.sum database tree\nqpd 1\ncontact a\n`;
    const [first, second, ...rest] = parseLogList(list);
    expect(rest).toEqual([]);
    expect(first).toMatchObject({
      vkey: { name: "example.com/log", type: 1 },
      origin: "example.com/log",
      queriesPerDay: 86_400,
      contact: "ops (at) example.com | https://example.com/about",
    });
    expect(second).toMatchObject({
      vkey: { name: "other.example/key" },
      origin: "go.sum database tree",
      queriesPerDay: 1,
    });
    expect(parseLogList(utf8(list))).toEqual(parseLogList(list));
  });

  it("takes a list without logs, and one without a last newline", () => {
    expect(parseLogList("logs/v0\n")).toEqual([]);
    expect(parseLogList("logs/v0")).toEqual([]);
    expect(parseLogList(`logs/v0\n${ENTRY.trimEnd()}`).length).toBe(1);
  });

  it("ignores white space around lines, empty lines and comments, as the format says", () => {
    const list = `\n# vkey x\n  logs/v0 \r\n\t\n${ENTRY.replaceAll("\n", " \r\n\n  # between\n")}`;
    expect(parseLogList(list)).toEqual(parseLogList(`logs/v0\n${ENTRY}`));
  });

  it("takes one origin with several keys, for whoever rotates them", () => {
    const again = `vkey ${OTHER}\norigin example.com/log\nqpd 5\ncontact a\n`;
    expect(parseLogList(`logs/v0\n${ENTRY}${again}`).map(({ origin }) => origin)).toEqual([
      "example.com/log",
      "example.com/log",
    ]);
  });

  it.each([
    ["nothing", "", "1"],
    ["no header", ENTRY, "1"],
    ["another version", `logs/v1\n${ENTRY}`, "1"],
    ["a second header", `logs/v0\nlogs/v0\n${ENTRY}`, "2"],
    ["an unknown keyword", `logs/v0\n${ENTRY}bastion x\n`, "5"],
    ["qpd before vkey", `logs/v0\nqpd 1\nvkey ${VKEY}\ncontact a\n`, "2"],
    ["contact before qpd", `logs/v0\nvkey ${VKEY}\ncontact a\nqpd 1\n`, "3"],
    ["origin after qpd", `logs/v0\nvkey ${VKEY}\nqpd 1\norigin a\ncontact a\n`, "4"],
    ["two origins", `logs/v0\nvkey ${VKEY}\norigin a\norigin b\nqpd 1\ncontact a\n`, "4"],
    ["an end after vkey", `logs/v0\n\nvkey ${VKEY}\n`, "3"],
    ["an end after qpd", `logs/v0\nvkey ${VKEY}\nqpd 1\n\n`, "3"],
    ["an empty contact", `logs/v0\nvkey ${VKEY}\nqpd 1\ncontact \n`, "4"],
    ["two spaces", `logs/v0\nvkey  ${VKEY}\nqpd 1\ncontact a\n`, "2"],
    ["a keyword in capitals", `logs/v0\nVKEY ${VKEY}\nqpd 1\ncontact a\n`, "2"],
    ["two vkeys in a line", `logs/v0\nvkey ${VKEY} ${OTHER}\nqpd 1\ncontact a\n`, "2"],
    [
      "a vkey whose key ID is another's",
      `logs/v0\nvkey ${VKEY.replace("log", "lag")}\nqpd 1\ncontact a\n`,
      "2",
    ],
    ["a key of type 6", `logs/v0\nvkey ${ML_DSA}\nqpd 1\ncontact a\n`, "2"],
    ["a key of type 4", `logs/v0\nvkey ${COSIGNER}\nqpd 1\ncontact a\n`, "2"],
    ["a control character", `logs/v0\nvkey ${VKEY}\nqpd 1\ncontact a\u001b[2J\n`, "4"],
    ["half of a surrogate pair", `logs/v0\nvkey ${VKEY}\nqpd 1\ncontact \ud800\n`, "1"],
    ["a line that is too long", `logs/v0\nvkey ${VKEY}\nqpd 1\ncontact ${"a".repeat(8192)}\n`, "4"],
  ])("refuses %s and names the line", (_what, list, line) => {
    expect(lineOf(list)).toBe(line);
  });

  it.each(["0", "01", "+1", "-1", "1.0", "1e3", "0x1", "1 000", "2147483648", "9".repeat(30), "١"])(
    "refuses qpd %s",
    (qpd) => {
      expect(lineOf(`logs/v0\nvkey ${VKEY}\nqpd ${qpd}\ncontact a\n`)).toBe("3");
    },
  );

  it("takes qpd up to 2^31 - 1", () => {
    const list = `logs/v0\nvkey ${VKEY}\nqpd 2147483647\ncontact a\n`;
    expect(parseLogList(list)[0]?.queriesPerDay).toBe(2_147_483_647);
  });

  it("refuses bytes that are not UTF-8, and more than 16 MiB, before it looks at lines", () => {
    expectCode(() => parseLogList(Uint8Array.of(0xff)), "LOG_LIST_MALFORMED");
    const size = MAX_LOG_LIST_BYTES;
    expectCode(() => parseLogList(new Uint8Array(size + 1).fill(0x0a)), "LOG_LIST_MALFORMED");
    if (!IS_FULL) return; // a second
    const padded = new Uint8Array(size).fill(0x0a);
    padded.set(utf8("logs/v0\n"));
    expect(parseLogList(padded)).toEqual([]);
  });
});
