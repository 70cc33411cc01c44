import { expect, test } from "vitest";
import { KeptMemory } from "../../src/http/kept-memory.ts";

test("a buffer that was given comes again for what fits into it, and one that is in use never does", () => {
  const memory = new KeptMemory(1_000_000);
  const first = memory.take(70_000);
  expect(memory.take(70_000) === first).toBe(false);
  memory.give(first);
  expect(memory.take(131_072) === first).toBe(true);
  expect(memory.take(131_072) === first).toBe(false);
});

test("no more is kept than was allowed", () => {
  const memory = new KeptMemory(200_000);
  const [first, second] = [memory.take(131_072), memory.take(131_072)];
  memory.give(first);
  memory.give(second);
  expect(memory.take(131_072) === first).toBe(true);
  expect(memory.take(131_072) === second).toBe(false);
});
