import { describe, expect, it } from "vitest";
import type { FetchFunction } from "../../client/fetcher.ts";
import type { LogEvents } from "../../src/events.ts";
import type { Guard } from "../../src/keys/guard.ts";
import { headSources, type ServedPlaces } from "../../src/log/head-sources.ts";
import type { Log } from "../../src/log/log.ts";
import type { LogOptions } from "../../src/log/options.ts";
import { checkedWitnesses } from "../../src/log/witness-options.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { expectCodeAsync } from "../expect-code.ts";
import {
  copyOf,
  type Disks,
  emptyDisks,
  entry,
  guardOn,
  ORIGIN,
  openOn,
  published,
  testSigner,
} from "./harness.ts";
import { respond, stubWitness, witnessed } from "./stub-witness.ts";

/** Shows whatever it is given; undefined: it does not answer. */
interface Place extends ServedPlaces {
  note: Uint8Array | undefined;
  readonly asked: string[];
}

function place(note?: Uint8Array): Place {
  const shown: Place = {
    urls: ["https://log.example/"],
    timeoutMs: 5_000,
    intervalMs: 2,
    note,
    asked: [],
    fetch: async (url) => {
      shown.asked.push(url);
      if (shown.note === undefined) throw new Error("connect ECONNREFUSED");
      return respond(200, shown.note);
    },
  };
  return shown;
}

/** Adds entries that are not there yet and publishes them. @returns the checkpoint. */
async function grow(log: Log, names: readonly (string | number)[]): Promise<Uint8Array> {
  const added = await log.addBatch(names.map(entry));
  await published(log, added.at(-1)?.leafIndex ?? 0);
  return log.published().checkpoint;
}

/** A log of two entries that was closed, and what it showed. */
async function closedLog(): Promise<{ disks: Disks; two: Uint8Array }> {
  const disks = emptyDisks();
  const log = await openOn(disks);
  const two = await grow(log, [0, 1]);
  await log.close();
  return { disks, two };
}

/** What a log that goes on from `disks` shows, which stay as they are. */
async function shownAfter(disks: Disks, names: readonly (string | number)[]): Promise<Uint8Array> {
  const log = await openOn(copyOf(disks));
  const note = await grow(log, names);
  await log.close();
  return note;
}

function listener(): { told: string[]; messages: string[]; events: LogEvents } {
  const told: string[] = [];
  const messages: string[] = [];
  const tell = ({ code, message }: { readonly code: string; readonly message: string }) => {
    told.push(code);
    messages.push(message);
  };
  return { told, messages, events: { warning: tell, turnedReadOnly: tell } };
}

it("a start waits for no witness longer than five seconds, however long it may take to cosign", async () => {
  const stub = await stubWitness("a");
  const witnesses = witnessed(await testVkey(), [stub], { quorum: "quorum a", timeoutMs: 60_000 });
  const reachable = checkedWitnesses(witnesses, [await testSigner()]);
  const sources = headSources({ origin: ORIGIN }, { witnesses, reachable });
  expect(sources.map(({ timeoutMs }) => timeoutMs)).toEqual([5_000]);
});

describe("what the log's public places show, before anything is signed", () => {
  it("LOG_ROLLED_BACK: more than is here, also where the guard was lost or restored too; nothing is changed", async () => {
    const { disks } = await closedLog();
    const five = await shownAfter(disks, [2, 3, 4]);
    for (const more of [{}, { recreateGuard: true }] satisfies Partial<LogOptions>[]) {
      const old = copyOf(disks);
      const error = await expectCodeAsync(openOn(old, { served: place(five), ...more }), "LOG_ROLLED_BACK");
      expect(error.message).toMatch(
        /^https:\/\/log\.example\/checkpoint shows size 5, .* has 2: 3 entries are/,
      );
      expect(old.guard).toEqual(disks.guard);
      expect(old.store.lineage).toBe(disks.store.lineage);
    }
    await expectCodeAsync(openOn(emptyDisks(), { served: place(five) }), "LOG_ROLLED_BACK");
  });

  it("LOG_CONTRADICTED: another root, at the same size or at a smaller one", async () => {
    const { disks } = await closedLog();
    const other = await shownAfter(disks, ["x"]);
    const mine = await openOn(disks, { served: place() });
    await grow(mine, [2]);
    await mine.close();
    await expectCodeAsync(openOn(copyOf(disks), { served: place(other) }), "LOG_CONTRADICTED");
    const longer = await openOn(disks);
    await grow(longer, [3, 4]);
    await longer.close();
    const error = await expectCodeAsync(openOn(disks, { served: place(other) }), "LOG_CONTRADICTED");
    expect(error.message).toContain("at size 3 https://log.example/checkpoint shows the root");
  });

  it("goes on, without a word, where it is of this history", async () => {
    const { disks, two } = await closedLog();
    const { told, events } = listener();
    for (const note of [two, await shownAfter(emptyDisks(), [0])]) {
      const log = await openOn(disks, { served: place(note), events });
      await log.add(entry("more"));
      await log.close();
    }
    expect(told).toEqual([]);
  });

  it.each([
    ["does not answer", undefined, "ECONNREFUSED"],
    ["shows no checkpoint", new TextEncoder().encode("<html>\n"), "https://log.example/checkpoint"],
  ])("HEAD_SOURCE_SILENT: warns when it %s, and goes on", async (_, note, words) => {
    const { disks } = await closedLog();
    const { told, messages, events } = listener();
    await (await openOn(disks, { served: { ...place(note), intervalMs: 60_000 }, events })).close();
    expect(told).toEqual(["HEAD_SOURCE_SILENT"]);
    expect(messages[0]).toContain("1 of 1 places");
    expect(messages[0]).toContain(words);
  });

  it("HEAD_SOURCE_SILENT: believes nobody's word but this log's", async () => {
    const { disks } = await closedLog();
    const stranger = await testSigner(9);
    const foreign = await openOn(emptyDisks(), { signers: [stranger] });
    const note = await grow(foreign, [0, 1, 2]);
    await foreign.close();
    const { told, events } = listener();
    await (await openOn(disks, { served: { ...place(note), intervalMs: 60_000 }, events })).close();
    expect(told).toEqual(["HEAD_SOURCE_SILENT"]);
  });

  it("counts as signed what is shown, where the guard was lost: the next opening knows", async () => {
    const { disks } = await closedLog();
    const three = await shownAfter(disks, [2]);
    // Entries are here, and that they were signed is known elsewhere only.
    const log = await openOn(disks, { checkpointIntervalMs: 60_000 });
    await log.add(entry(2));
    const left = copyOf(disks);
    await log.close();
    left.guard = undefined;
    const signer = await testSigner();
    const silent = { ...signer, sign: () => Promise.reject(new Error("no key today")) };
    const guard = guardOn(left);
    const recorded: (number | undefined)[] = [];
    const watched: Guard = {
      ...guard,
      write(record) {
        recorded.push(record.signed?.treeSize);
        return guard.write(record);
      },
    };
    const options = { served: place(three), recreateGuard: true, signers: [silent], guard: watched };
    await expectCodeAsync(openOn(left, options), "SIGNER_FAILED");
    // With the new guard's first word, before this opening hands anything to a signer.
    expect(recorded[0]).toBe(3);
  });
});

describe("what witnesses show", () => {
  const path = `/${originHash(ORIGIN)}/checkpoint`;

  async function witnessedBy(monitor: FetchFunction) {
    const stub = await stubWitness("a");
    const vkey = (await openOn(emptyDisks())).vkeys[0] ?? "";
    const asked: string[] = [];
    const options = witnessed(vkey, [stub], {
      quorum: "quorum a",
      fetchFor: () => async (url, init) => {
        if (init.method !== "GET") return await stub.fetch(url, init);
        asked.push(url);
        return await monitor(url, init);
      },
    });
    return { stub, asked, options };
  }

  it("LOG_ROLLED_BACK: more than is here", async () => {
    const { disks } = await closedLog();
    const five = await shownAfter(disks, [2, 3, 4]);
    const { asked, options } = await witnessedBy(() => Promise.resolve(respond(200, five)));
    await expectCodeAsync(openOn(disks, { witnesses: options }), "LOG_ROLLED_BACK");
    expect(asked).toEqual([`http://a.example${path}`]);
  });

  it.each([404, 405])(
    "is nothing where they offer no monitoring (%i), and no reason to warn",
    async (status) => {
      const { options } = await witnessedBy(() => Promise.resolve(respond(status)));
      const { told, events } = listener();
      const log = await openOn(emptyDisks(), { witnesses: options, events });
      await grow(log, [0]);
      await log.close();
      expect(told).toEqual([]);
    },
  );

  it("is a reason to warn where it is a failure", async () => {
    const { options } = await witnessedBy(() => Promise.resolve(respond(503)));
    const { told, events } = listener();
    await (await openOn(emptyDisks(), { witnesses: options, events })).close();
    expect(told).toEqual(["HEAD_SOURCE_SILENT"]);
  });

  it("shows readers nothing older than the log's public place does, as long as there is no quorum", async () => {
    const { disks } = await closedLog();
    const { stub, options } = await witnessedBy(() => Promise.resolve(respond(404)));
    const first = await openOn(disks, { witnesses: options });
    await grow(first, [2]);
    // The copy is made between signing and publishing, and the public place has seen what came after.
    stub.answer = () => Promise.resolve(respond(503));
    await first.add(entry(3));
    await expect.poll(() => disks.guard?.signed?.treeSize).toBe(4);
    const left = copyOf(disks);
    await first.close();
    const served = place(await shownAt(left, 4));
    await expectCodeAsync(openOn(copyOf(left), { witnesses: options, served }), "QUORUM_NOT_MET");
    await using without = await openOn(left, { witnesses: options });
    expect(without.published().treeSize).toBe(3);
  });

  it("is asked for when one of them contradicts while the log runs; a signature proves it, a word alone does not", async () => {
    const { disks } = await closedLog();
    const five = await shownAfter(disks, [2, 3, 4]);
    let shown: Uint8Array | undefined;
    const { stub, asked, options } = await witnessedBy(() =>
      Promise.resolve(shown === undefined ? respond(404) : respond(200, shown)),
    );
    const { told, events } = listener();
    await using log = await openOn(disks, { witnesses: options, events });
    stub.answer = () => Promise.resolve(respond(409, "5\n", "text/x.tlog.size"));
    await log.add(entry("mine"));
    await expect.poll(() => asked.length).toBeGreaterThan(1);
    expect(log.state().status).toBe("writable");
    shown = five;
    await expect.poll(() => log.state()).toMatchObject({ status: "read-only", code: "LOG_READ_ONLY" });
    expect(told).toEqual(["LOG_READ_ONLY"]);
  });
});

describe("witnesses that show no checkpoint, asked with the one that was published last", () => {
  /** A log of two entries, published, and what its witnesses have cosigned since, on a newer copy. */
  async function restored() {
    const stubs = [await stubWitness("a"), await stubWitness("b"), await stubWitness("c")];
    const witnesses = witnessed(await testVkey(), stubs);
    const disks = emptyDisks();
    const log = await openOn(disks, { witnesses });
    await grow(log, [0, 1]);
    await expect.poll(() => stubs.map(({ head }) => head.treeSize)).toEqual([2, 2, 2]);
    await log.close();
    const newer = await openOn(copyOf(disks), { witnesses });
    await grow(newer, [2, 3]);
    await expect.poll(() => stubs.map(({ head }) => head.treeSize)).toEqual([4, 4, 4]);
    await newer.close();
    return { stubs, witnesses, disks };
  }

  it("LOG_ROLLED_BACK: a quorum of them knows a larger size", async () => {
    const { witnesses, disks } = await restored();
    const left = structuredClone(disks);
    const error = await expectCodeAsync(openOn(disks, { witnesses }), "LOG_ROLLED_BACK");
    expect(error.message).toContain("of size 2: a knows size 4, b knows size 4, c knows size 4");
    expect(disks.guard).toEqual(left.guard);
  });

  it("LOG_CONTRADICTED: a quorum of them knows another tree of that size", async () => {
    const { witnesses, disks, stubs } = await restored();
    for (const stub of stubs) stub.answer = () => Promise.resolve(respond(422));
    await expectCodeAsync(openOn(disks, { witnesses }), "LOG_CONTRADICTED");
  });

  it("WITNESS_CLAIMS_MORE: fewer than a quorum are told, and believed as little as any in best-effort mode", async () => {
    const { witnesses, disks, stubs } = await restored();
    const { told, events } = listener();
    await (await openOn(copyOf(disks), { witnesses: { ...witnesses, mode: "best-effort" }, events })).close();
    for (const stub of stubs.slice(0, 2)) stub.answer = () => Promise.resolve(respond(503));
    await (await openOn(disks, { witnesses, events })).close();
    expect(told).toEqual(["WITNESS_CLAIMS_MORE", "WITNESS_CLAIMS_MORE"]);
  });

  it("changes nothing where they know this log as it is", async () => {
    const stubs = [await stubWitness("a"), await stubWitness("b")];
    const witnesses = witnessed(await testVkey(), stubs);
    const disks = emptyDisks();
    const { told, events } = listener();
    for (let start = 0; start < 3; start += 1) {
      const log = await openOn(disks, { witnesses, events });
      await grow(log, [start]);
      await log.close();
    }
    expect(told).toEqual([]);
  });
});

async function testVkey(): Promise<string> {
  return formatVerifierKey((await testSigner()).verifierKey);
}

/** What the log shows of its tree at `treeSize`, without witnesses. */
async function shownAt(disks: Disks, treeSize: number): Promise<Uint8Array> {
  const log = await openOn(copyOf(disks));
  expect(log.published().treeSize).toBe(treeSize);
  const { checkpoint } = log.published();
  await log.close();
  return checkpoint;
}

describe("two servers on copies of one directory, each with a copy of the guard", () => {
  it("the one whose readers see the other's head stops, before its own fork is shown", async () => {
    const { disks } = await closedLog();
    const copy = copyOf(disks);
    const shownPlace = place();
    const { told, messages, events } = listener();
    await using left = await openOn(disks, { served: shownPlace });
    await using right = await openOn(copy, { served: shownPlace, events });
    shownPlace.note = await grow(left, [2]);
    await expect.poll(() => right.state()).toMatchObject({ status: "read-only" });
    expect(messages.at(-1)).toContain("another server signs for this log");
    expect(told.filter((code) => code === "LOG_READ_ONLY")).toHaveLength(1);
    await expectCodeAsync(right.add(entry("x")), "LOG_READ_ONLY");
    // The other one sees its own head there.
    await grow(left, [3]);
    expect(left.state()).toEqual({ status: "writable" });
  });

  it("LOG_CONTRADICTED: the one that goes on stops when it is shown that the log ended", async () => {
    const { disks, two } = await closedLog();
    const copy = copyOf(disks);
    const shownPlace = place(two);
    const { messages, events } = listener();
    await using running = await openOn(copy, { served: shownPlace, events });
    const freeze = { atSeconds: 1_795_320_000, successor: undefined };
    await using ended = await openOn(disks, { served: shownPlace, freeze });
    shownPlace.note = ended.published().checkpoint;
    await expect.poll(() => running.state()).toMatchObject({ status: "read-only" });
    expect(messages.at(-1)).toContain("https://log.example/checkpoint says that the log ended at size 2");
    await expectCodeAsync(running.add(entry("more")), "LOG_READ_ONLY");
    const asked = shownPlace.asked.length;
    await expect.poll(() => shownPlace.asked.length).toBeGreaterThan(asked + 4);
    expect(ended.state()).toEqual({ status: "frozen" });
  });

  it("LOG_CONTRADICTED: also when both have signed a head of that size", async () => {
    const { disks } = await closedLog();
    const copy = copyOf(disks);
    const shownPlace = place();
    const { messages, events } = listener();
    await using left = await openOn(disks);
    await using right = await openOn(copy, { served: shownPlace, events });
    await grow(right, ["mine", "too"]);
    shownPlace.note = await grow(left, ["theirs"]);
    await expect.poll(() => right.state()).toMatchObject({ status: "read-only" });
    expect(messages.at(-1)).toContain("LOG_CONTRADICTED");
  });
});

it("a place that falls silent is told once, not as long as it is", async () => {
  const { disks, two } = await closedLog();
  const shownPlace = place(two);
  const { told, events } = listener();
  await using _log = await openOn(disks, { served: shownPlace, events });
  shownPlace.note = undefined;
  const asked = shownPlace.asked.length;
  await expect.poll(() => shownPlace.asked.length).toBeGreaterThan(asked + 4);
  expect(told).toEqual(["HEAD_SOURCE_SILENT"]);
});

describe("a key that leaked", () => {
  it("does not stop the change that ends it, nor the log afterwards, by what it signed elsewhere", async () => {
    const [former, own] = [await testSigner(), await testSigner(21)];
    const { disks } = await closedLog();
    const larger = await shownAfter(disks, [2, 3, 4]);
    const stolen = emptyDisks();
    const thief = await openOn(stolen);
    const other = await grow(thief, ["x", "y"]);
    await thief.close();
    const keyChange = { atSeconds: 1_795_320_000, signers: [own] };
    for (const [note, code] of [
      [larger, "LOG_ROLLED_BACK"],
      [other, "LOG_CONTRADICTED"],
    ] as const) {
      const held = copyOf(disks);
      const served = place(note);
      await expectCodeAsync(openOn(held, { served, keyChange }), code);
      const { told, events } = listener();
      await (await openOn(held, { served, keyChange, events, isKeyLeaked: true })).close();
      expect(told).toContain("KEY_MISUSED");
      expect(told).not.toContain(code);
      const log = await openOn(held, { served, events, signers: [own, former] });
      await grow(log, [5]);
      await log.close();
      expect(told).not.toContain(code);
    }
  });
});
