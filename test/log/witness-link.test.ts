import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { shielded } from "../../src/events.ts";
import { WitnessLink } from "../../src/log/witness-link.ts";
import { WitnessRecords } from "../../src/log/witness-records.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { emptyDisks, entry, gate, openOn, published, testSigner } from "./harness.ts";
import { hang, type StubWitness, stubWitness, witnessed } from "./stub-witness.ts";

const vkey = formatVerifierKey((await testSigner()).verifierKey);

async function after<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const done = await work();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return done;
}

describe("the way to one witness", () => {
  it("is found again, while the log grows, after an answer that came too late: every answer has the whole limit", async () => {
    const stub = await stubWitness("a");
    const witnesses = witnessed(vkey, [stub], { quorum: "quorum a", timeoutMs: 100 });
    await using log = await openOn(emptyDisks(), { witnesses, checkpointIntervalMs: 5 });
    await log.add(entry(0));
    await published(log, 0);
    // It cosigns, and the log does not learn of it.
    stub.answer = ({ honest, signal }) => honest().then(() => hang({ signal }));
    await log.add(entry(1));
    await expect.poll(() => log.witnessing()?.isQuorumMissing).toBe(true);
    stub.answer = ({ honest }) => after(60, honest);
    let next = 2;
    const growing = async () => {
      await log.add(entry(next++));
      return log.published().treeSize;
    };
    await expect.poll(growing, { timeout: 3000, interval: 20 }).toBeGreaterThan(2);
  });

  it("gives up at once what waits for a hanging request, when a newer head comes: the newest goes next", async () => {
    const door = gate();
    const asked: number[] = [];
    const link = linkTo(async (treeSize) => {
      asked.push(treeSize);
      await door.passed;
    });
    const first = link.ask(head(1));
    const second = link.ask(head(2));
    const third = link.ask(head(3));
    await expectCodeAsync(second, "ABORTED");
    door.open();
    await Promise.all([first, third]);
    expect(asked).toEqual([1, 3]);
  });

  it("ends at once when it is closed, also for who comes later", async () => {
    const link = linkTo(() => gate().passed);
    const asks = [link.ask(head(1)), link.ask(head(2))];
    link.close();
    for (const ask of asks) await expectCodeAsync(ask, "ABORTED");
    await expectCodeAsync(link.ask(head(3)), "ABORTED");
  });

  function head(treeSize: number) {
    return { treeSize, checkpoint: new Uint8Array(0) };
  }

  function linkTo(answer: (treeSize: number) => Promise<void>): WitnessLink {
    let treeSize = 0;
    return new WitnessLink({
      client: {
        url: "http://a.example/",
        async addCheckpoint({ oldSize }) {
          if (oldSize > treeSize) throw new TlogError("ARGUMENT_INVALID", "a size it never had");
          return { status: "cosigned", lines: [] };
        },
      },
      prove: async () => [],
      accept: async (asked) => {
        treeSize = asked.treeSize;
        await answer(asked.treeSize);
      },
      knownSize: 0,
      backoff: { firstDelayMs: 1, maxDelayMs: 1 },
      now: () => 0,
      random: () => 0,
    });
  }
});

describe("many witnesses, slow or loud", () => {
  it("16 witnesses make no warning of a leak", async () => {
    const warnings: string[] = [];
    const warn = ({ message }: Error) => warnings.push(message);
    process.on("warning", warn);
    const stubs = await Promise.all(Array.from("abcdefghijklmnop", (name) => stubWitness(name)));
    const log = await openOn(emptyDisks(), { witnesses: witnessed(vkey, stubs) });
    for (let index = 0; index < 3; index += 1) {
      await log.add(entry(index));
      await published(log, index);
    }
    await log.close();
    await new Promise((resolve) => setImmediate(resolve)); // warnings come with a tick of their own
    process.off("warning", warn);
    expect(warnings).toEqual([]);
  });

  it("refuses a time limit of more than a minute", async () => {
    const witnesses = witnessed(vkey, [await stubWitness("a")], { quorum: "quorum a", timeoutMs: 60_001 });
    await expectCodeAsync(openOn(emptyDisks(), { witnesses }), "ARGUMENT_INVALID");
  });

  it("says that the quorum is missing while a witness takes requests and answers none", async () => {
    const stub = await stubWitness("a");
    let later = 0;
    await using log = await openOn(emptyDisks(), {
      witnesses: witnessed(vkey, [stub], { quorum: "quorum a", timeoutMs: 60_000 }),
      now: () => later + performance.now(),
    });
    await log.add(entry(0));
    await published(log, 0);
    stub.answer = hang;
    const { length } = stub.requests;
    await log.add(entry(1));
    await expect.poll(() => stub.requests.length).toBe(length + 1);
    expect(log.witnessing()?.isQuorumMissing).toBe(false);
    later = 15_000;
    expect(log.witnessing()?.isQuorumMissing).toBe(true);
  });

  it("tells of a witness that fails every second time a few times, then once a minute", async () => {
    const stubs: readonly StubWitness[] = [await stubWitness("a"), await stubWitness("b")];
    const told: string[] = [];
    let later = 0;
    await using log = await openOn(emptyDisks(), {
      witnesses: witnessed(vkey, stubs, { quorum: "quorum a", backoff: { firstDelayMs: 0, maxDelayMs: 0 } }),
      now: () => later + performance.now(),
      events: {
        witnessFailed: ({ code }) => told.push(code),
        witnessRecovered: () => told.push("back"),
      },
    });
    const [, loud] = stubs;
    if (loud === undefined) throw new TypeError("two witnesses");
    let index = 0;
    const grow = async (answer: StubWitness["answer"]) => {
      loud.answer = answer;
      const { length } = loud.requests;
      await log.add(entry(index));
      await published(log, index++);
      await expect.poll(() => loud.requests.length).toBeGreaterThan(length);
      const isFailing = answer !== undefined;
      await expect.poll(() => log.witnessing()?.witnesses[1]?.isFailing).toBe(isFailing);
    };
    const fails = () => new Response("", { status: 500 });
    for (let time = 0; time < 10; time += 1) {
      await grow(fails);
      await grow(undefined);
    }
    expect(told).toEqual(["REMOTE_REFUSED", "back", "REMOTE_REFUSED", "back"]);
    later = 61_000;
    await grow(fails);
    await grow(undefined);
    expect(told.slice(4)).toEqual(["REMOTE_REFUSED"]);
    // What became of it is told when the next minute allows it, though nothing changes any more.
    later = 122_000;
    await grow(undefined);
    await expect.poll(() => told.slice(5)).toEqual(["back"]);
  });

  it("tells of a quorum that comes and goes a few times, then once a minute", async () => {
    const told: string[] = [];
    let nowMs = 0;
    const { policy } = witnessed(vkey, [await stubWitness("a")], { quorum: "quorum a" });
    const records = new WitnessRecords({
      policy,
      events: shielded({
        quorumMissing: ({ treeSize }) => told.push(`missing ${treeSize}`),
        quorumRecovered: ({ treeSize }) => told.push(`back ${treeSize}`),
      }),
      clock: () => 0,
      now: () => nowMs,
    });
    for (let treeSize = 0; treeSize < 20; treeSize += 1) {
      if (treeSize === 10) nowMs = 60_000;
      records.quorumMissed(treeSize, ["a"]);
      records.quorumMet(treeSize);
    }
    expect(told).toEqual([0, 1, 2, 3, 10].flatMap((size) => [`missing ${size}`, `back ${size}`]));
  });
});
