import { describe, expect, test } from "vitest";
import { testOwn } from "./witness-under-test.ts";

describe("bristlecone's witness under its own tester", () => {
  test("meets every case", async () => {
    const { results } = await testOwn();
    expect(results.filter(({ verdict }) => verdict !== "pass" && verdict !== "open")).toEqual([]);
  });
});
