import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { formatVerifierKey, keyIdOf, type VerifierKey } from "../../src/tlog/key.ts";
import { type ListedLog, parseLogList } from "../../src/tlog/log-list.ts";
import { type LogListOptions, listMerger, startLogLists } from "../../src/witness/log-lists.ts";
import { MAX_ROSTER_LOGS, openRoster, type RosterEntry } from "../../src/witness/roster.ts";
import { expectCode } from "../expect-code.ts";
import { IS_FULL } from "../runs.ts";

const LIST = "https://list.example/lists/log-list.1";
const WITNESS = "witness.example/w1";
const OWN_KEY = new Uint8Array(32).fill(99);

function keyOf(name: string, number: number): VerifierKey {
  const publicKey = new Uint8Array(32).fill(number);
  return { name, type: 1, publicKey, keyId: keyIdOf({ name, type: 1, publicKey }) };
}

function listed(origin: string, number = 1): ListedLog {
  return { vkey: keyOf(origin, number), origin, queriesPerDay: 100, contact: "someone" };
}

function entryOf(origin: string, number = 1, more: Partial<RosterEntry> = {}): RosterEntry {
  const logKeys = [keyOf(origin, number)];
  return { origin, logKeys, urls: [], queriesPerDay: undefined, isDisabled: false, ...more };
}

function witnessOf(operator: readonly RosterEntry[] = []) {
  const owner = { name: WITNESS, ownKeys: [OWN_KEY] };
  const roster = openRoster({ owner, sources: { settings: [], operator, listed: [] } });
  const warnings: { code: string; message: string }[] = [];
  const added: RosterEntry[][] = [];
  const parts = {
    owner,
    roster,
    add: async (entries: readonly RosterEntry[]) => {
      added.push([...entries]);
      roster.replace({ listed: [...roster.sources.listed, ...entries] });
    },
    events: { warning: (event: { code: string; message: string }) => warnings.push(event) },
  };
  const codes = () => warnings.map(({ code }) => code);
  return { parts, roster, warnings, codes, added, merge: listMerger(parts) };
}

describe("a list of logs", () => {
  it("WNL-2 adds logs that are not known, with the limit it names", async () => {
    const { roster, merge, codes } = witnessOf();
    await merge(LIST, [listed("a"), listed("b", 2)]);
    expect(roster.logs()).toEqual(
      [entryOf("a"), entryOf("b", 2)].map((entry) => ({
        ...entry,
        queriesPerDay: 100,
        listUrl: LIST,
        contact: "someone",
        source: "list",
      })),
    );
    expect(codes()).toEqual([]);
  });

  it("WNL-2 changes nothing of a log that is known: no limit, no switch", async () => {
    const disabled = entryOf("a", 1, { isDisabled: true });
    const { roster, merge, added } = witnessOf([disabled]);
    await merge(LIST, [listed("a"), listed("b")]);
    await merge(LIST, [{ ...listed("b"), queriesPerDay: 1, contact: "another" }]);
    expect(roster.find("a")).toEqual({ ...disabled, source: "operator" });
    expect(roster.find("b")).toMatchObject({ queriesPerDay: 100, contact: "someone" });
    expect(added).toHaveLength(1);
  });

  it("WNL-2 never removes a log", async () => {
    const { roster, merge } = witnessOf();
    await merge(LIST, [listed("a")]);
    await merge(LIST, []);
    expect(roster.find("a")).toBeDefined();
  });

  it("WNL-2 reports a key that differs, once, and does not apply it", async () => {
    const { roster, merge, warnings, codes, added } = witnessOf([entryOf("a")]);
    await merge(LIST, [listed("a", 2)]);
    await merge(LIST, [listed("a", 2)]);
    expect(codes()).toEqual(["LOG_LIST_KEY_DIFFERS"]);
    expect(warnings[0]?.message).toContain(formatVerifierKey(keyOf("a", 2)));
    expect(roster.find("a")?.logKeys).toEqual([keyOf("a", 1)]);
    expect(added).toEqual([]);
  });

  it("takes the first key of an origin that a list names twice", async () => {
    const { roster, merge, codes } = witnessOf();
    await merge(LIST, [listed("a"), listed("a", 2)]);
    expect(roster.find("a")?.logKeys).toEqual([keyOf("a", 1)]);
    expect(codes()).toEqual(["LOG_LIST_KEY_DIFFERS"]);
  });

  it("does not take the witness's own name or key, nor an origin no store can hold", async () => {
    const { roster, merge, codes } = witnessOf();
    await merge(LIST, [listed(WITNESS), listed("own", 99), listed("x".repeat(300)), listed("good")]);
    expect(roster.logs().map(({ origin }) => origin)).toEqual(["good"]);
    expect(codes()).toEqual(Array.from({ length: 3 }, () => "LOG_LIST_ENTRY_REFUSED"));
  });

  const vectors = resolve(import.meta.dirname, "../../../shared/vectors/log-list");
  it.skipIf(!existsSync(vectors))("is taken as the witness network has it", async () => {
    for (const name of ["log-list.1", "log-list-10qps-4klogs.1", "log-list-100qps-40klogs.1"]) {
      const { roster, merge, codes } = witnessOf();
      const logs = parseLogList(readFileSync(resolve(vectors, name)));
      await merge(LIST, logs);
      expect(roster.logs()).toHaveLength(logs.length);
      expect(codes()).toEqual([]);
    }
  });
});

/** Time that passes when a test says so: every sleeper that is due wakes up. */
function fakeTime() {
  let nowMs = 0;
  const sleepers = new Set<{ dueMs: number; wake: () => void }>();
  return {
    monotonicMs: () => nowMs,
    sleep: (ms: number, signal: AbortSignal) =>
      new Promise<void>((wake) => {
        if (signal.aborted) return wake();
        const sleeper = { dueMs: nowMs + ms, wake };
        sleepers.add(sleeper);
        signal.addEventListener("abort", () => {
          sleepers.delete(sleeper);
          wake();
        });
      }),
    async pass(ms: number) {
      nowMs += ms;
      for (const sleeper of [...sleepers]) {
        if (sleeper.dueMs > nowMs) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await settled();
    },
  };
}

/** Enough turns of the event loop for a request that waits for nothing. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done));
}

function textOf(logs: readonly ListedLog[]): string {
  const items = logs.map(
    ({ vkey, queriesPerDay, contact }) =>
      `vkey ${formatVerifierKey(vkey)}\nqpd ${queriesPerDay}\ncontact ${contact}\n`,
  );
  return `logs/v0\n\n${items.join("\n")}`;
}

describe("lists that name as many logs as a witness takes", () => {
  it.runIf(IS_FULL)("keep other lists out, and not the operator", async () => {
    const { roster, merge, codes, added } = witnessOf();
    const one = entryOf("0");
    const listed_ = Array.from({ length: MAX_ROSTER_LOGS }, (_, at) => ({ ...one, origin: `log ${at}` }));
    roster.replace({ listed: listed_, operator: [entryOf("mine")] });
    expect(roster.find("mine")?.source).toBe("operator");
    await merge(LIST, [listed("theirs")]);
    expect(added).toEqual([]);
    expect(codes()).toEqual(["LOG_LIST_ENTRY_REFUSED"]);
  });
});

describe("startLogLists", () => {
  async function polling(answers: readonly (() => Response)[], more: Partial<LogListOptions> = {}) {
    const witness = witnessOf();
    const time = fakeTime();
    const asked: string[] = [];
    const lists = startLogLists({
      ...witness.parts,
      urls: [LIST],
      ...time,
      fetch: async (url) => {
        asked.push(url);
        return answers[asked.length - 1]?.() ?? new Response("logs/v0\n");
      },
      ...more,
    });
    await settled();
    return { ...witness, time, asked, lists };
  }

  it("polls at once, then every hour", async () => {
    const answers = [() => new Response(textOf([listed("a")])), () => new Response(textOf([listed("b")]))];
    const { roster, asked, time, lists } = await polling(answers);
    expect(asked).toEqual([LIST]);
    expect(roster.logs().map(({ origin }) => origin)).toEqual(["a"]);
    await time.pass(1_800_000);
    expect(asked).toHaveLength(1);
    await time.pass(1_800_000);
    expect(asked).toHaveLength(2);
    expect(roster.logs().map(({ origin }) => origin)).toEqual(["a", "b"]);
    await lists.close();
  });

  it.each([
    ["is malformed", () => new Response("logs/v1\n"), "LOG_LIST_MALFORMED"],
    ["is not there", () => new Response("", { status: 404 }), "LOG_LIST_UNAVAILABLE"],
    ["moved", () => Response.redirect("https://elsewhere.example/", 302), "LOG_LIST_UNAVAILABLE"],
  ])("warns of a list that %s, and goes on with what it has", async (_name, answer, code) => {
    const { roster, codes, lists } = await polling([answer]);
    expect(codes()).toEqual([code]);
    expect(roster.logs()).toEqual([]);
    await lists.close();
  });

  it("refuses a list that is no URL", () => {
    expectCode(() => startLogLists({ ...witnessOf().parts, urls: ["list"] }), "ARGUMENT_INVALID");
  });
});
