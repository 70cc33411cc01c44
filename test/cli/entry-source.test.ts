import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkSources,
  type EntrySources,
  inBatches,
  placeOf,
  readSources,
} from "../../src/cli/entry-source.ts";
import { inFlight } from "../../src/cli/in-flight.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { temporaryDirectory } from "./harness.ts";

const directory = temporaryDirectory();

function fileOf(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

async function* streamOf(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield new TextEncoder().encode(part);
}

function sources(paths: string[], rule: EntrySources["rule"], stdin = streamOf()): EntrySources {
  return { paths, rule, stdin, onTooLarge: undefined };
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("sources", () => {
  it("are read in order, each cut by itself", async () => {
    const a = fileOf("a", "1\n2");
    const b = fileOf("b", "3\n");
    const read = (await all(readSources(sources([a, "-", b], "lines", streamOf("x", "y\nz"))))).flat();
    expect(read.map(({ entry }) => new TextDecoder().decode(entry))).toEqual(["1", "2", "xy", "z", "3"]);
    expect(read.map(placeOf)).toEqual([
      `${a}, line 1`,
      `${a}, line 2`,
      "-, line 1",
      "-, line 2",
      `${b}, line 1`,
    ]);
  });

  it("are one entry each when they are not cut, also when they are empty", async () => {
    const read = (await all(readSources(sources([fileOf("a", "1\n2\n"), fileOf("e", "")], "whole")))).flat();
    expect(read.map(({ entry }) => new TextDecoder().decode(entry))).toEqual(["1\n2\n", ""]);
  });

  it("are checked to the end before anything is sent", async () => {
    const bad = fileOf("bad", `ok\n${"x".repeat(65_536)}\n`);
    const error = await expectCodeAsync(
      checkSources(sources([fileOf("a", "1"), bad], "lines")),
      "ENTRY_TOO_LARGE",
    );
    expect(error.message).toContain(`${bad}, line 2`);
    await expectCodeAsync(checkSources(sources([bad], "whole")), "ENTRY_TOO_LARGE");
    await expectCodeAsync(checkSources(sources([join(directory, "missing")], "whole")), "FILE_UNREADABLE");
  });

  it("have a size only when all of them are files", async () => {
    const a = fileOf("a", "1\n2");
    expect(await checkSources(sources([a, a], "lines"))).toEqual({ bytes: 6 });
    expect(await checkSources(sources([a, "-"], "lines"))).toEqual({ bytes: undefined });
  });

  it("leave out what is too large when asked to, and name it", async () => {
    const bad = fileOf("bad", `ok\n${"x".repeat(65_536)}\nfine\n`);
    const places: string[] = [];
    const asked = { ...sources([bad], "lines"), onTooLarge: (place: string) => places.push(place) };
    expect(await checkSources(asked)).toEqual({ bytes: 65_536 + 9 });
    expect((await all(readSources(asked))).flat()).toHaveLength(2);
    const whole = { ...asked, rule: "whole" as const };
    expect((await all(readSources(whole))).flat()).toEqual([]);
    expect(places).toEqual([`${bad}, line 2`, bad]);
  });
});

describe("batches", () => {
  it("keep the order and respect both limits, whatever the sizes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(30))),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 60 }),
        async (sizes, maxEntries, maxBytes) => {
          const items = sizes.map((group) =>
            group.map((size) => ({ entry: new Uint8Array(size), source: "-", line: 1 })),
          );
          async function* stream() {
            yield* items;
          }
          const batches = await all(inBatches(stream(), { maxEntries, maxBytes }));
          expect(batches.flat()).toEqual(items.flat());
          for (const batch of batches) {
            expect(batch.length).toBeGreaterThan(0);
            expect(batch.length).toBeLessThanOrEqual(maxEntries);
            const bytes = batch.reduce((sum, { entry }) => sum + entry.length + 2, 0);
            if (batch.length > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
          }
        },
      ),
    );
  });
});

describe("work in flight", () => {
  async function* numbers(count: number) {
    for (let number = 0; number < count; number++) yield number;
  }

  it.each([1, 3])("is %i at a time, and comes back in order", async (limit) => {
    const running = new Map<number, () => void>();
    let most = 0;
    const results = all(
      inFlight(numbers(20), limit, (number) => {
        return new Promise<number>((resolve) => {
          running.set(number, () => resolve(number));
          most = Math.max(most, running.size);
        });
      }),
    );
    let left = 20;
    while (left > 0) {
      await new Promise(setImmediate);
      // The newest first, so that order is not an accident.
      const newest = [...running].at(-1);
      if (newest === undefined) continue;
      running.delete(newest[0]);
      newest[1]();
      left -= 1;
    }
    expect(await results).toEqual([...Array(20).keys()]);
    expect(most).toBe(limit);
  });

  it("gives the results of what came before a failure of the items", async () => {
    async function* failing() {
      yield* numbers(3);
      throw new RangeError("three");
    }
    const got: number[] = [];
    await expect(
      (async () => {
        for await (const number of inFlight(failing(), 2, async (item) => item)) got.push(number);
      })(),
    ).rejects.toThrow("three");
    expect(got).toEqual([0, 1, 2]);
  });

  it("gives what came before a failure, then the failure, and starts nothing more", async () => {
    const started: number[] = [];
    const got: number[] = [];
    const work = async (number: number): Promise<number> => {
      started.push(number);
      if (number === 2) throw new RangeError("two");
      return number;
    };
    await expect(
      (async () => {
        for await (const number of inFlight(numbers(20), 2, work)) got.push(number);
      })(),
    ).rejects.toThrow("two");
    expect(got).toEqual([0, 1]);
    expect(started.length).toBeLessThanOrEqual(4);
  });
});
