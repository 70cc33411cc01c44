import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { backUp } from "../../src/archive/backup.ts";
import { Ledger } from "../../src/drill/load.ts";
import { lostWitness } from "../../src/drill/lost-witness.ts";
import type { Rehearsal } from "../../src/drill/rehearsal.ts";
import { restore } from "../../src/drill/restore.ts";
import { type DrillOptions, runDrill } from "../../src/drill/run.ts";
import { TlogError } from "../../src/errors.ts";
import { openLmdbReader } from "../../src/server.ts";
import { parsePolicy } from "../../src/tlog/policy.ts";
import { makeLog } from "../archive/logs.ts";
import { callCli } from "../cli/harness.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { IS_FULL } from "../runs.ts";

const never = new AbortController().signal;

/** Every file below a directory, by what is in it; but LMDB's lock file, in which readers take a slot. */
function contentsOf(directory: string): readonly string[] {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "lock.mdb")
    .map((entry) => join(entry.parentPath, entry.name));
  return names
    .sort()
    .map((name) => `${name} ${createHash("sha256").update(readFileSync(name)).digest("hex")}`);
}

function rehearsal(run: Rehearsal["run"]): Rehearsal {
  return { name: "crash", title: "a test", copies: 1, advice: "look why", run };
}

describe("a drill", () => {
  let folder: string;
  let data: string;
  let scratch: string;
  const drill = (rehearsals: readonly Rehearsal[], more: Partial<DrillOptions> = {}) =>
    runDrill({
      ...{ from: data, scratch, rehearsals, program: undefined, policy: undefined, timeoutMs: 20_000 },
      ...{ now: () => performance.now(), date: () => new Date(), signal: never },
      ...more,
    });

  beforeAll(async () => {
    folder = mkdtempSync(join(inject("scratch"), "drill-"));
    data = join(folder, "data");
    scratch = join(folder, "scratch");
    mkdirSync(scratch);
    await makeLog(data, 300);
    // It has no need of the guard, and there is no key at all.
    rmSync(`${data}.guard`);
  });

  it("rehearses on a copy of another name, with neither key nor guard of the log, and leaves both sides as they were", async () => {
    const before = contentsOf(folder);
    const report = await drill([restore]);
    expect(report.results.map(({ verdict, reason }) => ({ verdict, reason }))).toEqual([
      { verdict: "passed", reason: undefined },
    ]);
    expect(report).toMatchObject({ treeSize: 300, keyChanges: 0, isFrozen: false });
    expect(report.drillOrigin).toBe(`drill.invalid/${report.drillOrigin.split("/")[1]}/${report.origin}`);
    expect(report.results[0]?.figures.map(({ name }) => name)).toEqual(["recovery-seconds", "lost-entries"]);
    expect(contentsOf(folder)).toEqual(before);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it("takes a backup, and opens nothing in it", async () => {
    const backup = join(folder, "backup");
    await backUp({ directory: data, to: backup, now: () => new Date(), signal: never });
    chmodSync(backup, 0o500);
    const { treeSize } = await drill([], { from: backup });
    expect(treeSize).toBe(300);
    expect(readdirSync(backup).sort()).toEqual(["backup.json", "data.mdb"]);
  });

  it("refuses a copy that was cut, instead of ending with what it made left behind", async () => {
    const cut = join(folder, "cut");
    mkdirSync(cut);
    const whole = readFileSync(join(data, "data.mdb"));
    writeFileSync(join(cut, "data.mdb"), whole.subarray(0, Math.floor(whole.length / 2)));
    await expectCodeAsync(drill([], { from: cut }), "STORE_DAMAGED");
    expect(readdirSync(scratch)).toEqual([]);
  });

  // The whole drill beside a server is test/crash/drill.test.ts.
  it.runIf(IS_FULL)(
    "rehearses the groups and the quorum of the policy, with witnesses of its own",
    async () => {
      const witnesses = WITNESS_VKEYS.map(
        (vkey, at) => `witness ${"abc"[at]} ${vkey} https://witness.example/`,
      );
      const policy = parsePolicy(
        [...witnesses, "group two any a b", "group both all two c", "quorum both", ""].join("\n"),
      );
      const { results } = await drill([lostWitness], { policy });
      expect(results[0]).toMatchObject({ verdict: "passed" });
      expect(results[0]?.figures.find(({ name }) => name === "witnesses-to-spare")?.value).toBe(0);
    },
  );

  it("says what did not go as expected, and goes on with the next", async () => {
    const wrong = rehearsal(({ notes }) =>
      notes
        .step({ did: "added", expected: "taken" }, async () => ({ saw: "lost", isAsExpected: false }))
        .then(() => undefined),
    );
    const unexpected = rehearsal(({ notes }) =>
      notes.refused({ did: "started", expected: "refused" }, { code: "GUARD_AHEAD", act: async () => 1 }),
    );
    const broken = rehearsal(() => Promise.reject(new TypeError("a bug")));
    const { results } = await drill([wrong, unexpected, broken]);
    expect(results.map(({ verdict, reason, advice }) => [verdict, reason, advice])).toEqual([
      ["failed", "added: lost [CHECKUP_FAILED]", "look why"],
      ["failed", "started: it was not refused [CHECKUP_FAILED]", "look why"],
      ["failed", "a bug", "look why"],
    ]);
  });

  it("ends a rehearsal that does not end, and skips one that cannot be tried", async () => {
    const endless = rehearsal(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    const needy: Rehearsal = { ...endless, obstacle: () => "nothing to try it with" };
    const { results } = await drill([endless, needy], { timeoutMs: 20 });
    expect(results.map(({ verdict, reason }) => [verdict, reason])).toEqual([
      ["failed", "not done within 0.02 s [INCOMPLETE]"],
      ["skipped", "nothing to try it with"],
    ]);
  });

  it("removes what it made when it is stopped", async () => {
    const stop = new AbortController();
    const stopped = rehearsal(async ({ signal }) => {
      stop.abort();
      await new Promise((_, reject) => reject(signal.reason));
    });
    await expectCodeAsync(drill([stopped], { signal: stop.signal }), "ABORTED");
    expect(readdirSync(scratch)).toEqual([]);
  });

  it("leaves what lies in a copy to nobody's key but its own", async () => {
    let seen: string | undefined;
    const looking = rehearsal(async ({ copyLog, stage }) => {
      const place = await copyLog("log");
      const reader = await openLmdbReader({ directory: place.data });
      const { published } = await reader.head();
      await reader.close();
      seen = Buffer.from(published?.checkpoint ?? []).toString();
      if (!seen.startsWith(`${stage.origin}\n300\n`)) throw new TlogError("CHECKUP_FAILED", seen);
    });
    const { results, origin } = await drill([looking]);
    expect(results[0]?.verdict).toBe("passed");
    expect(seen).not.toContain(`— ${origin} `);
  });

  it("finds entries that are not where they were answered to be, and one index that was given twice", async () => {
    const [first, second, other] = ["first", "second", "other"].map((text) => new TextEncoder().encode(text));
    if (first === undefined || second === undefined || other === undefined) return expect.unreachable();
    const log = {
      checkpoint: async () => ({ treeSize: 2 }),
      async *entries() {
        yield { leafIndex: 0, entry: first };
        yield { leafIndex: 1, entry: other };
      },
    };
    const ledger = new Ledger();
    ledger.answered(0, first);
    expect(await ledger.check(log, { start: 0, signal: never })).toMatchObject({ lost: 0, extra: 1 });
    ledger.answered(1, second);
    expect(await ledger.check(log, { start: 0, signal: never })).toMatchObject({ lost: 1, extra: 0 });
    ledger.answered(0, first);
    expect((await ledger.check(log, { start: 0, signal: never })).lost).toBe(2);
  });

  it("is refused in words where it cannot begin", async () => {
    const refusals = [
      [["--only", "flood"], 2, "--only: want one of crash, restore"],
      [[join(folder, "nothing")], 2, "holds no log"],
      [[data, "--scratch", join(folder, "nothing")], 2, "--scratch"],
      [[data, "--max-seconds", "0"], 2, "--max-seconds: want a whole number"],
      [[data, "--report", join(folder, "nothing", "drill.md")], 2, "--report"],
      [[data, "--policy", join(folder, "nothing")], 2, "nothing"],
    ] as const;
    for (const [args, code, words] of refusals) {
      const result = await callCli(["drill", ...args]);
      expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(words)]);
    }
    const { code, stdout } = await callCli(["drill", "--list", "--json", "--only", "fork"]);
    expect([code, JSON.parse(stdout)]).toEqual([0, { name: "fork", title: expect.any(String) }]);
  });
});

/** Of witnesses that nobody asks: the drill takes their places. */
const WITNESS_VKEYS = [
  "witness.example/11+7d8205eb+BGa+fjMsekUzMr2dCn99sFX1xe8aBq2mbZizn7aBDEc6",
  "witness.example/12+e22f10fb+BAtROtm0kkAVygkC7QeQRNOsXb7CMG8GlIwQ2o62458t",
  "witness.example/13+dd3485a3+BJGiigt0OBWTpNlGlXkgiSavyK2CyIObdkQ1m566mks6",
];
