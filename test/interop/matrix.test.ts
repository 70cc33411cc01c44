import { describe, expect, it } from "vitest";
import { differences, readCases, readPage, readRecord } from "./matrix/record.ts";
import { renderMatrix } from "./matrix/render.ts";
import { SUBJECTS, testSubject } from "./matrix/subjects.ts";
import { isFull, lacks } from "./programs.ts";

const record = await readRecord();

describe("the conformance matrix", () => {
  it("is the page that its record makes", async () => {
    const cases = { witness: await readCases("witness"), log: await readCases("log") };
    expect((await readPage()) === renderMatrix(record, cases), "run npm run matrix").toBe(true);
  });

  it.each(["witness", "log"] as const)(
    "has no red cell for our %s, and none that is missing",
    async (kind) => {
      const ours = record.find((subject) => subject.kind === kind && subject.name === "bristlecone");
      const verdicts = (await readCases(kind)).map(({ name }) => [
        name,
        ours?.results[name]?.verdict ?? "missing",
      ]);
      expect(verdicts.filter(([, verdict]) => verdict === "fail" || verdict === "missing")).toEqual([]);
    },
  );
});

describe.each(SUBJECTS.filter(({ isSlow = false }) => isFull || !isSlow))("$kind $name", (subject) => {
  it.skipIf(lacks(...subject.programs))("does as recorded", async ({ skip }) => {
    const recorded = record.find(({ kind, name }) => kind === subject.kind && name === subject.name);
    if (recorded === undefined) throw new Error("never recorded: run npm run matrix");
    const version = subject.version();
    skip(
      recorded.version !== version,
      `recorded is ${recorded.version}, and here is ${version}: npm run matrix`,
    );
    const now = differences(recorded, await testSubject(subject));
    // What depends on when an answer came is another one the second time.
    const again = now.length === 0 ? [] : differences(recorded, await testSubject(subject));
    expect(again.filter((line) => now.includes(line))).toEqual([]);
  });
});
