import { expect, it } from "vitest";
import { countTurnedAway, type PoolFull } from "../../src/readers/turned-away.ts";

it("entries turned away are counted while the writer does not take messages: one is under way, and none is lost", () => {
  const sent: PoolFull[] = [];
  const underWay: (() => void)[] = [];
  const turnedAway = countTurnedAway((message, onSent) => {
    sent.push(message);
    underWay.push(onSent);
  });
  for (let entries = 0; entries < 25_000; entries++) turnedAway({ pendingEntries: entries, pendingBytes: 1 });
  expect(sent).toEqual([{ kind: "poolFull", count: 1, pendingEntries: 0, pendingBytes: 1 }]);
  underWay.shift()?.();
  expect(sent.slice(1)).toEqual([
    { kind: "poolFull", count: 24_999, pendingEntries: 24_999, pendingBytes: 1 },
  ]);
  underWay.shift()?.();
  expect(sent).toHaveLength(2);
  turnedAway({ pendingEntries: 7, pendingBytes: 8 });
  expect(sent[2]).toEqual({ kind: "poolFull", count: 1, pendingEntries: 7, pendingBytes: 8 });
});
