import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCheckpoint } from "../../src/tlog/checkpoint-body.ts";
import { ML_DSA_44 } from "../../src/tlog/cosignature.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { keyLabel } from "../../src/tlog/key.ts";
import {
  compareKeyHistories,
  currentKeys,
  formatKeyHistory,
  historyUpTo,
  type KeyHistory,
  keysAt,
  MAX_KEY_HISTORY_BYTES,
  openKeyHistory,
  parseKeyHistory,
} from "../../src/tlog/key-history.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { changedTo, type LogKey, logKey, ROTATED } from "./key-changes.ts";

const [first, second, third, thief] = [await logKey(1), await logKey(2), await logKey(3), await logKey(66)];
const [postQuantum, nextPostQuantum] = [
  await logKey(4, { type: ML_DSA_44 }),
  await logKey(5, { type: ML_DSA_44 }),
];
const once = await changedTo([second], { oldKeys: [first], treeSize: 10 });
const twice = await changedTo([third], { oldKeys: [second], treeSize: 20, history: once });
const stolen = await changedTo([thief], { oldKeys: [first], treeSize: 10 });
const TEXT = decodeUtf8(formatKeyHistory(twice));

const keysOf = (...keys: readonly LogKey[]) => keys.map(({ signer }) => signer.verifierKey);
const opened = (history: Uint8Array | KeyHistory, ...trusted: readonly LogKey[]) =>
  openKeyHistory({
    history: history instanceof Uint8Array ? history : formatKeyHistory(history),
    origin: ROTATED,
    trusted: keysOf(...trusted),
  });
const labelsAt = (history: KeyHistory | undefined, treeSize: number, ...trusted: readonly LogKey[]) =>
  keysAt(history, keysOf(...trusted), treeSize).map(keyLabel);
const labels = (...keys: readonly LogKey[]) => keysOf(...keys).map(keyLabel);

describe("a key history", () => {
  it("is read as it is written, and opens for whoever believes one of its keys", async () => {
    expect(decodeUtf8(formatKeyHistory(parseKeyHistory(encodeUtf8(TEXT))))).toBe(TEXT);
    for (const key of [first, second, third]) expect((await opened(twice, key)).changes).toHaveLength(2);
    expect(currentKeys(twice)).toEqual(keysOf(third));
    await expectCodeAsync(opened(twice, thief), "KEY_HISTORY_INVALID");
  });

  it("holds nothing that any program takes for a checkpoint", () => {
    for (const { note } of twice.changes) {
      expect(decodeUtf8(note.text)).toMatch(/^bristlecone key change v1\nlog /);
      expectCode(() => parseCheckpoint(decodeUtf8(note.text)), "CHECKPOINT_MALFORMED");
    }
  });

  it.each([
    ["without its first change", TEXT.slice(TEXT.indexOf("\n\nbristlecone") + 2)],
    ["cut short", TEXT.slice(0, -1)],
    ["with a line more", `${TEXT}\n`],
    ["with a change twice", `${TEXT}\n${TEXT.slice(TEXT.indexOf("\n\nbristlecone") + 2)}`],
    ["with an empty line less", TEXT.replace("\n\nbristlecone", "\nbristlecone")],
    ["with another size in the second change", TEXT.replace("tree 20 ", "tree 9 ")],
    ["with a size in another spelling", TEXT.replace("tree 10 ", "tree 010 ")],
    ["with another number", TEXT.replace("number 2", "number 3")],
    ["with another time spelling", TEXT.replace("T04:00:00Z", "T04:00:00+00:00")],
    ["of another log in the first change", TEXT.replace("log example.com/rotated", "log example.com/other")],
    ["with a carriage return", TEXT.replace("\nlog", "\r\nlog")],
    ["of an unknown version", TEXT.replaceAll("change v1", "change v2")],
    ["without any change", ""],
    ["with a signature less", TEXT.replace(/\n— [^\n]*\n$/, "\n")],
    ["with a signature more", `${TEXT}${/— [^\n]*\n/.exec(TEXT)?.[0]}`],
  ])("%s is malformed", (_, text) => {
    expectCode(() => parseKeyHistory(encodeUtf8(text)), "KEY_HISTORY_MALFORMED");
  });

  it("is refused beyond its limits before anything is read", () => {
    expectCode(() => parseKeyHistory(new Uint8Array(MAX_KEY_HISTORY_BYTES + 1)), "KEY_HISTORY_MALFORMED");
    const many = Array.from({ length: 65 }, () => TEXT.slice(0, TEXT.indexOf("\n\nbristlecone") + 1)).join(
      "\n",
    );
    expect(expectCode(() => parseKeyHistory(encodeUtf8(many)), "KEY_HISTORY_MALFORMED").message).toContain(
      "64",
    );
  });

  it("opens for nobody when any of it was changed", async () => {
    const bytes = formatKeyHistory(twice);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, xor) => {
        const mutated = bytes.slice();
        mutated[at] = (mutated[at] ?? 0) ^ xor;
        const error = await opened(mutated, first).then(
          () => undefined,
          (reason: { code?: string }) => reason.code,
        );
        // Bits behind the end of a signature's base64 are no part of it.
        if (error === undefined) expect(bytes[at + 1] === 0x3d || bytes[at + 2] === 0x3d).toBe(true);
        else expect(error).toMatch(/^KEY_HISTORY_(MALFORMED|INVALID)$/);
      }),
      { numRuns: 60 },
    );
  });

  it("of another log, and one that a stranger signed, open for nobody", async () => {
    const other = await Promise.all([1, 2].map((number) => logKey(number, { name: "example.com/other" })));
    const [before, after] = other;
    if (before === undefined || after === undefined) throw new Error("two keys");
    const elsewhere = await changedTo([after], {
      oldKeys: [before],
      treeSize: 10,
      origin: "example.com/other",
    });
    await expectCodeAsync(opened(elsewhere, first), "KEY_HISTORY_INVALID");
    // The same public keys, and signatures of the same private keys, under this log's name.
    const renamed = decodeUtf8(formatKeyHistory(elsewhere)).replaceAll("example.com/other", ROTATED);
    await expectCodeAsync(opened(encodeUtf8(renamed), first), "KEY_HISTORY_MALFORMED");
    const lines = decodeUtf8(formatKeyHistory(once)).split("\n");
    const forged = decodeUtf8(formatKeyHistory(stolen)).split("\n");
    // The old key's line over another text.
    const spliced = lines.map((line, at) => (at === 9 ? (forged[9] ?? "") : line)).join("\n");
    await expectCodeAsync(opened(encodeUtf8(spliced), first), "KEY_HISTORY_INVALID");
  });

  it("never brings a key back, and is only signed by who holds the keys it ends with", async () => {
    const back = changedTo([first], { oldKeys: [second], treeSize: 30, history: once });
    await expectCodeAsync(back, "ARGUMENT_INVALID");
    const byFormer = changedTo([thief], { oldKeys: [first], treeSize: 30, history: once });
    await expectCodeAsync(byFormer, "ARGUMENT_INVALID");
    const smaller = changedTo([third], { oldKeys: [second], treeSize: 9, history: once });
    await expectCodeAsync(smaller, "ARGUMENT_INVALID");
    await expectCodeAsync(changedTo([first], { oldKeys: [first], treeSize: 1 }), "ARGUMENT_INVALID");
  });
});

describe("who speaks for a log", () => {
  it("is every key since the tree was that large, and none that was replaced before", () => {
    expect(labelsAt(twice, 10, first)).toEqual(labels(first, second, third));
    expect(labelsAt(twice, 11, first)).toEqual(labels(second, third));
    expect(labelsAt(twice, 20, first)).toEqual(labels(second, third));
    expect(labelsAt(twice, 21, first)).toEqual(labels(third));
  });

  it("is nobody from before the key that is believed", () => {
    expect(labelsAt(twice, 10, second)).toEqual(labels(second, third));
    expect(labelsAt(twice, 10, third)).toEqual(labels(third));
    expect(labelsAt(twice, 21, first, third)).toEqual(labels(third));
    expect(labelsAt(undefined, 21, first)).toEqual(labels(first));
    expect(labelsAt(twice, 21, thief)).toEqual(labels(thief));
  });

  it("is only a key of a type that is believed: who wants ML-DSA-44 is not led to Ed25519", async () => {
    const both = await changedTo([second, postQuantum], { oldKeys: [first, postQuantum], treeSize: 10 });
    const rotated = await changedTo([second, nextPostQuantum], {
      oldKeys: [second, postQuantum],
      treeSize: 20,
      history: both,
    });
    const history = await opened(rotated, postQuantum);
    expect(labelsAt(history, 21, postQuantum)).toEqual(labels(nextPostQuantum));
    expect(labelsAt(history, 15, postQuantum)).toEqual(labels(postQuantum, nextPostQuantum));
    expect(labelsAt(history, 21, first)).toEqual(labels(second));
    const dropped = await changedTo([second], {
      oldKeys: [first, postQuantum],
      treeSize: 10,
    });
    const readded = await changedTo([second, nextPostQuantum], {
      oldKeys: [second],
      treeSize: 20,
      history: dropped,
    });
    // Ed25519 alone brought it.
    expect([15, 21].map((size) => labelsAt(readded, size, postQuantum))).toEqual([[], []]);
    expect(labelsAt(readded, 10, postQuantum)).toEqual(labels(postQuantum));
    expect(labelsAt(readded, 21, nextPostQuantum)).toEqual(labels(nextPostQuantum));
    const cut = decodeUtf8(formatKeyHistory(rotated)).replace(/(— [^\n]*)A([^\n]*\n)$/, "$1B$2");
    await expectCodeAsync(opened(encodeUtf8(cut), first), "KEY_HISTORY_INVALID");
  });
});

describe("two key histories", () => {
  it("are one when one continues the other, and a fork when they say different things", async () => {
    expect(compareKeyHistories(twice, once)).toBe("longer");
    expect(compareKeyHistories(once, twice)).toBe("shorter");
    expect(compareKeyHistories(once, await opened(once, first))).toBe("same");
    expect(compareKeyHistories(stolen, once)).toBe("forked");
    expect(compareKeyHistories(twice, stolen)).toBe("forked");
  });

  it("is cut to what a tree has come to", () => {
    expect(historyUpTo(twice, 9)).toBeUndefined();
    expect(historyUpTo(twice, 19)?.changes).toHaveLength(1);
    expect(historyUpTo(twice, 20)?.changes).toHaveLength(2);
  });
});
