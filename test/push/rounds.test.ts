import { expect, test } from "vitest";
import { Rounds } from "../../src/push/rounds.ts";

test("rounds pause for what they computed, not for what they waited for", async () => {
  const clock = { ms: 0, computedMs: 0 };
  let visits = 0;
  const rounds = new Rounds<string>({
    begin: (members) => [...members],
    visit: (members) => {
      visits += members.length;
      clock.ms += 100_000;
    },
    sliceSize: 1,
    everyMs: () => 1,
    clock: { now: () => clock.ms, computed: () => clock.computedMs },
  });
  rounds.add("one");
  while (visits < 3) await new Promise((resolve) => setImmediate(resolve));
  rounds.delete("one");
  expect(clock.ms).toBe(300_000);
});
