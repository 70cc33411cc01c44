import { describe, expect, it } from "vitest";
import type { FetchFunction } from "../../client/fetcher.ts";
import { trustIn } from "../../client/policy.ts";
import { TlogError } from "../../src/errors.ts";
import type { Alert } from "../../src/monitor/alert.ts";
import { openMonitor } from "../../src/monitor/monitor.ts";
import { parseWrongBytes, verifyWrongBytes } from "../../src/monitor/wrong-bytes.ts";
import { encodeEvent } from "../../src/push/event-text.ts";
import { verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  openSigner,
  parseVerifierKey,
} from "../../src/tlog/key.ts";
import { type FakeLog, numbered, openFakeLog } from "../client/fake-log.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { collecting, lookOnce, network, nothingKept, optionsFor, watched } from "./harness.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const DAY_MS = 86_400_000;
const NOW = 1_700_000_000_000;

async function logWith(...more: readonly string[]): Promise<FakeLog> {
  return openFakeLog({ entries: [...numbered(300), ...more.map(bytes)], tilesOnly: true });
}

async function grow(log: FakeLog, ...more: readonly string[]): Promise<void> {
  log.entries.push(...more.map(bytes));
  await log.publish();
}

describe("entries", () => {
  it("are verified and matched once, in order, over restarts, on a log of tiles only", async () => {
    const log = await logWith("wanted 300", "dull", "wanted 302");
    const kept = nothingKept();
    const first = await lookOnce([watched(log)], kept, log);
    expect(first.told.map(({ match }) => match?.leafIndex)).toEqual([300, 302]);
    expect(first.report).toMatchObject({ logs: [{ treeSize: 303, isRead: true, matches: 2 }], untold: 0 });
    expect((await lookOnce([watched(log)], kept, log)).told).toEqual([]);
    await grow(log, "dull", "wanted 304");
    const next = await lookOnce([watched(log)], kept, log);
    expect(next.words).toEqual(["match: entry 304 matches wanted"]);
    expect(next.status.logs).toMatchObject([{ treeSize: 305, readSize: 305, matches: 3, pendingAlerts: 0 }]);
  });

  it("begin where one says, and there too all that is read is held against the signed root", async () => {
    const log = await logWith("wanted 300");
    const kept = nothingKept();
    expect((await lookOnce([watched(log, { from: "now" })], kept, log)).told).toEqual([]);
    await grow(log, "wanted 301");
    expect((await lookOnce([watched(log, { from: 0 })], kept, log)).words).toEqual([
      "match: entry 301 matches wanted",
    ]);
    expect((await lookOnce([watched(log, { from: 300 })], nothingKept(), log)).told).toHaveLength(2);
    const ahead = await lookOnce([watched(log, { from: 400 })], nothingKept(), log);
    expect(ahead.status.logs).toMatchObject([{ readSize: 0, alarms: [] }]);
  });

  it("that are not what was signed are an alarm, which is over when they are served right; what came before was matched", async () => {
    const entries = [...numbered(10), bytes("wanted 10"), ...numbered(289, 11), bytes("wanted 300")];
    const log = await openFakeLog({ entries, tilesOnly: true });
    log.intercept = (path) => (path === "tile/entries/001.p/45" ? new Response("rubbish") : undefined);
    const kept = nothingKept();
    const wrong = await lookOnce([watched(log)], kept, log);
    expect(wrong.words).toEqual([
      "match: entry 10 matches wanted",
      expect.stringMatching(/^wrong-bytes: entries 256 to 300: /),
    ]);
    expect(wrong.report.logs).toMatchObject([{ isRead: false }]);
    expect(wrong.status.logs).toMatchObject([{ alarms: [{ kind: "wrong-bytes" }] }]);
    expect((await lookOnce([watched(log)], kept, log)).told).toEqual([]);
    log.intercept = () => undefined;
    const right = await lookOnce([watched(log)], kept, log);
    expect(right.words).toEqual([
      "match: entry 300 matches wanted",
      expect.stringMatching(/^over: wrong-bytes/),
    ]);
    expect(right.status.logs).toMatchObject([{ alarms: [], readSize: 301 }]);
  });

  it.each(["tile/0/000", "tile/0/001.p/45", "tile/1/000.p/1"])(
    "are not believed when %s is another one",
    async (tile) => {
      const log = await logWith("wanted 300");
      const changed: FetchFunction = async (url, init) => {
        const answer = await log.fetch(url, init);
        if (!url.endsWith(`/${tile}`)) return answer;
        return new Response(flip(new Uint8Array(await answer.arrayBuffer())));
      };
      const kept = nothingKept();
      const { words, told } = await lookOnce([watched(log)], kept, { fetch: changed });
      expect(words.at(-1)).toMatch(/^wrong-bytes: /);
      expect(told.at(-1)?.files).toEqual(["wrong bytes 1"]);
      const shown = parseWrongBytes(kept.wrongBytes[0] ?? "");
      const logKeys = [parseVerifierKey(log.vkey)];
      expect(await verifyWrongBytes(shown, logKeys)).toMatchObject({ treeSize: 301 });
      const served = shown.served.map(({ path, body }) => ({
        path,
        body: path === tile ? flip(body) : body,
      }));
      await expectCodeAsync(verifyWrongBytes({ ...shown, served }, logKeys), "EVIDENCE_INVALID");
      await expectCodeAsync(verifyWrongBytes({ ...shown, served: [] }, logKeys), "EVIDENCE_INVALID");
    },
  );

  it("that are wrong on the way from one head to the next are kept, too, with both heads", async () => {
    const log = await logWith();
    const kept = nothingKept();
    await lookOnce([watched(log)], kept, log);
    await grow(log, ...Array.from({ length: 300 }, (_, at) => `dull ${at}`));
    const wrong: FetchFunction = async (url, init) => {
      const answer = await log.fetch(url, init);
      return url.endsWith("/tile/1/000.p/2")
        ? new Response(flip(new Uint8Array(await answer.arrayBuffer())))
        : answer;
    };
    const { told } = await lookOnce([watched(log)], kept, { fetch: wrong });
    expect(told).toMatchObject([{ kind: "wrong-bytes", files: ["wrong bytes 1"] }]);
    const shown = parseWrongBytes(kept.wrongBytes[0] ?? "");
    expect(shown.asked).toHaveProperty("older");
    expect(await verifyWrongBytes(shown, [parseVerifierKey(log.vkey)])).toMatchObject({
      treeSize: 600,
      contradiction: { code: "ROOT_MISMATCH" },
    });
    // It goes on, and is neither told nor kept again.
    expect((await lookOnce([watched(log)], kept, { fetch: wrong })).told).toEqual([]);
    expect(kept.wrongBytes).toHaveLength(1);
  });

  it("of a log that is slow are read in turns of ten seconds, and all in the end", async () => {
    const entries = [...numbered(256 * 12), bytes("wanted")];
    const log = await openFakeLog({ entries, tilesOnly: true });
    const pieces: number[] = [];
    let nowMs = NOW;
    const slow: FetchFunction = (url, init) => {
      if (url.includes("/tile/entries/")) nowMs += 6000;
      return log.fetch(url, init);
    };
    const events = { entriesRead: ({ count }: { count: number }) => void pieces.push(count) };
    const { report, told } = await lookOnce([watched(log)], nothingKept(), {
      fetch: slow,
      now: () => nowMs,
      events,
    });
    expect(report.logs).toMatchObject([{ isRead: true, treeSize: 3073 }]);
    expect(told).toHaveLength(1);
    expect(pieces.length).toBeGreaterThan(5);
  });

  it("that a matcher fails at are told, and those after it are looked at", async () => {
    const log = await logWith("wanted 300");
    const failing = {
      name: "module",
      match: async ({ leafIndex }: { leafIndex: number }) => {
        if (leafIndex === 3) throw new TypeError("no\n  idea");
        return leafIndex === 5 && "five";
      },
    };
    const { words } = await lookOnce([watched(log, { matchers: [failing] })], nothingKept(), log);
    expect(words).toEqual([
      "matcher-failed: entry 3: the matcher module failed: no idea",
      "match: entry 5 matches module: five",
    ]);
  });
});

describe("a matcher that is interrupted", () => {
  it("is shown the same entries by the next run", async () => {
    const log = await logWith("wanted 300");
    const kept = nothingKept();
    let isInterrupted = true;
    const module = {
      name: "module",
      matchAll: async (entries: readonly unknown[]) => {
        if (isInterrupted) throw new TlogError("ABORTED", "interrupted");
        return entries.map(() => ({ verdict: true }));
      },
    };
    const watching = watched(log, { matchers: [module] });
    await lookOnce([watching], kept, log).catch(() => undefined);
    isInterrupted = false;
    expect((await lookOnce([watching], kept, log)).told).toHaveLength(301);
  });
});

describe("a matcher that is stopped", () => {
  it("is told with what it was not shown, and when it is asked again; the others go on", async () => {
    const log = await logWith("wanted 300");
    const kept = nothingKept();
    let isStopped = true;
    const module = {
      name: "module",
      matchAll: async (entries: readonly unknown[]) =>
        entries.map((_, at) => (isStopped && at > 10 ? "unseen" : { verdict: false })),
    };
    const watching = watched(log);
    const both = { ...watching, matchers: [...watching.matchers, module] };
    const stopped = await lookOnce([both], kept, log);
    expect(stopped.words).toEqual([
      "match: entry 300 matches wanted",
      "matcher-stopped: the matcher module failed again and again, and is shown no entries for now, from 11 on",
    ]);
    expect(stopped.status.logs).toMatchObject([{ readSize: 301, alarms: [{ kind: "matcher-stopped" }] }]);
    isStopped = false;
    await grow(log, "dull");
    expect((await lookOnce([both], kept, log)).words).toEqual([
      expect.stringMatching(/^over: matcher-stopped: .* from 11 on to 301: those were not looked at$/),
    ]);
  });
});

describe("an alert", () => {
  it("that waited for somebody who is gone is told to who took the place, but not again to who sees the program", async () => {
    const log = await logWith("wanted 300");
    const kept = nothingKept();
    const own: Alert[] = [];
    const told: Alert[] = [];
    const dead = { name: "typo", tell: () => Promise.reject(new TlogError("ALERT_NOT_TOLD", "no")) };
    const seeing = { ...collecting(own), isOwn: true };
    await lookOnce([watched(log)], kept, { ...log, sinks: [seeing, dead] });
    const warnings: string[] = [];
    const events = { warning: ({ message }: { message: string }) => void warnings.push(message) };
    const sinks = [seeing, collecting(told, "right")];
    await lookOnce([watched(log)], kept, { ...log, sinks, events });
    expect([own.length, told]).toMatchObject([1, own]);
    expect(warnings).toEqual([expect.stringContaining("1 alerts waited for typo")]);
  });

  it("is written down before it is told, and told again when nobody could be told before a crash", async () => {
    const log = await logWith("wanted 300");
    const kept = nothingKept();
    const seen: string[] = [];
    const dead = {
      name: "log",
      tell: async () => {
        seen.push(kept.states.get(log.origin) ?? "");
        throw new TlogError("ALERT_NOT_TOLD", "nobody is there");
      },
    };
    const { report } = await lookOnce([watched(log)], kept, { ...log, sinks: [dead] });
    expect(report.untold).toBe(1);
    expect(seen[0]).toContain("entry 300 matches wanted");
    const again = await lookOnce([watched(log)], kept, log);
    expect(again.words).toEqual(["match: entry 300 matches wanted"]);
    expect(seen[0]).toContain(again.told[0]?.id);
    expect((await lookOnce([watched(log)], kept, log)).told).toEqual([]);
  });

  it("is told to each who is to be told, whoever fails", async () => {
    const log = await logWith("wanted 300");
    const kept = nothingKept();
    const told: Alert[] = [];
    const dead = { name: "dead", tell: () => Promise.reject(new TlogError("ALERT_NOT_TOLD", "no")) };
    await lookOnce([watched(log)], kept, { ...log, sinks: [dead, collecting(told)] });
    const later: Alert[] = [];
    await lookOnce([watched(log)], kept, { ...log, sinks: [collecting(later, "dead"), collecting(told)] });
    expect(told).toHaveLength(1);
    expect(later).toEqual(told);
  });

  it("is told also where it cannot be written down, and then told again after a restart", async () => {
    const log = await logWith("wanted 300");
    const kept = nothingKept();
    const warnings: string[] = [];
    const states = {
      load: async () => undefined,
      save: () => Promise.reject(new TlogError("FILE_UNWRITABLE", "the disk is full")),
    };
    const events = { warning: ({ message }: { message: string }) => void warnings.push(message) };
    const { words, status } = await lookOnce([watched(log)], kept, { ...log, states, events });
    expect(words).toEqual(["match: entry 300 matches wanted"]);
    expect(status.isSaving).toBe(false);
    expect(warnings).toEqual([`${log.origin}: the disk is full`]);
    expect((await lookOnce([watched(log)], kept, log)).words).toEqual(words);
  });

  it("that cannot be told because of a bug ends the round: nobody waits for ever", async () => {
    const bug = { name: "bug", tell: () => Promise.reject(new TypeError("a bug")) };
    const log = await logWith("wanted 300");
    await expect(lookOnce([watched(log)], nothingKept(), { ...log, sinks: [bug] })).rejects.toThrow("a bug");
  });

  it("that somebody refuses for good keeps no other from him", async () => {
    const log = await logWith("wanted EVIL", "wanted 301", "wanted 302");
    const heard: (number | undefined)[] = [];
    const picky = {
      name: "log",
      tell: async ({ alerts }: { alerts: readonly Alert[] }) => {
        const isRefused = alerts.some(({ match }) => match?.leafIndex === 300);
        if (isRefused) throw new TlogError("ALERT_NOT_TOLD", "403 by a firewall");
        heard.push(...alerts.map(({ match }) => match?.leafIndex));
      },
    };
    const { report } = await lookOnce([watched(log)], nothingKept(), { ...log, sinks: [picky] });
    expect([heard, report.untold]).toEqual([[301, 302], 1]);
  });

  it("that nobody can be told stops the reading, so that none is lost, and not the looking", async () => {
    const entries = Array.from({ length: 1500 }, (_, at) => bytes(`wanted ${at}`));
    const log = await openFakeLog({ entries, tilesOnly: true });
    const kept = nothingKept();
    const dead = { name: "log", tell: () => Promise.reject(new TlogError("ALERT_NOT_TOLD", "no")) };
    const { report, status } = await lookOnce([watched(log)], kept, { ...log, sinks: [dead] });
    expect(report).toMatchObject({ logs: [{ isRead: false, treeSize: 1500 }] });
    expect(status.logs[0]?.pendingAlerts).toBeLessThan(1200);
    const told = await lookOnce([watched(log)], kept, log);
    expect(told.told.map(({ match }) => match?.leafIndex)).toEqual(entries.map((_, at) => at));
  });
});

describe("a fork", () => {
  it("that the log itself shows is told once, with evidence that convicts it, and is never over", async () => {
    const log = await logWith();
    const kept = nothingKept();
    await lookOnce([watched(log)], kept, log);
    const other = await openFakeLog({ entries: numbered(400, 1000), tilesOnly: true });
    const { words, status } = await lookOnce([watched(log)], kept, other);
    expect(words).toEqual([expect.stringMatching(/^fork: .*two different histories/)]);
    expect(status.logs).toMatchObject([{ treeSize: 300, alarms: [{ kind: "fork" }] }]);
    const logKeys = [parseVerifierKey(log.vkey)];
    expect(await verifyForkEvidence({ evidence: kept.evidence[0] ?? "", logKeys })).toMatchObject({
      accused: { role: "log", name: log.origin },
    });
    expect((await lookOnce([watched(log)], kept, other)).told).toEqual([]);
    const back = await lookOnce([watched(log)], kept, log);
    expect(back.status.logs).toMatchObject([{ alarms: [{ kind: "fork" }] }]);
    expect(back.told).toEqual([]);
  });

  it("that a mirror or a witness shows is told, with evidence", async () => {
    const log = await logWith();
    const other = await openFakeLog({ entries: numbered(250, 1000), tilesOnly: true });
    for (const role of ["mirror", "witness"] as const) {
      const places = [{ name: "somebody", url: "https://mirror.example/test", role }];
      const kept = nothingKept();
      const fetch = network({ "log.example": log, "mirror.example": other });
      const asked: typeof fetch = (url, init) =>
        fetch(url.replace(/\/[0-9a-f]{64}\/checkpoint$/, "/checkpoint"), init);
      const { told } = await lookOnce([watched(log, { places })], kept, { fetch: asked });
      expect(told).toMatchObject([
        { kind: "fork", place: "https://mirror.example/test", files: ["evidence 1"] },
      ]);
    }
  });
});

describe("a place that shows the log's heads", () => {
  const places = [{ name: "the mirror", url: "https://mirror.example/test", role: "mirror" as const }];

  it("and a larger one that nobody serves the tree of: told when it lasts, and the head is kept", async () => {
    const log = await logWith();
    const other = await openFakeLog({ entries: numbered(400, 1000), tilesOnly: true });
    other.intercept = (path) => (path === "checkpoint" ? undefined : new Response("", { status: 404 }));
    const fetch = network({ "log.example": log, "mirror.example": other });
    const kept = nothingKept();
    expect((await lookOnce([watched(log, { places })], kept, { fetch, nowMs: NOW })).told).toEqual([]);
    const later = await lookOnce([watched(log, { places })], kept, { fetch, nowMs: NOW + 700_000 });
    expect(later.words).toEqual([expect.stringMatching(/^unproven: the mirror showed a head of size 400/)]);
    expect(kept.checkpoints.length).toBeGreaterThan(0);
    // Once the log outgrows it, its own tiles convict it.
    log.entries.push(...numbered(200, 300));
    await log.publish();
    const convicted = await lookOnce([watched(log, { places })], kept, { fetch, nowMs: NOW + 800_000 });
    expect(convicted.words).toEqual([
      expect.stringMatching(/^fork: the mirror shows size 400/),
      expect.stringMatching(/^over: unproven/),
    ]);
  });

  it("and is silent, or shows another log's, is told when it lasts, and when it is over", async () => {
    const log = await logWith();
    const mirror = await logWith();
    const foreign = await openFakeLog({ seed: 2 });
    const kept = nothingKept();
    const look = (shown: FakeLog | undefined, nowMs: number) =>
      lookOnce([watched(log, { places })], kept, {
        fetch: network({ "log.example": log, ...(shown && { "mirror.example": shown }) }),
        nowMs,
      });
    expect((await look(undefined, NOW)).told).toEqual([]);
    expect((await look(foreign, NOW + DAY_MS)).words).toEqual([
      expect.stringMatching(/^place: the mirror: /),
    ]);
    expect((await look(mirror, NOW + DAY_MS)).words).toEqual([expect.stringMatching(/^over: place/)]);
  });
});

describe("a head", () => {
  it("older than one that was shown is told when it lasts, and that it is over", async () => {
    const log = await logWith();
    const kept = nothingKept();
    await lookOnce([watched(log)], kept, { ...log, nowMs: NOW });
    await log.publish(290);
    expect((await lookOnce([watched(log)], kept, { ...log, nowMs: NOW })).told).toEqual([]);
    const late = await lookOnce([watched(log)], kept, { ...log, nowMs: NOW + DAY_MS });
    expect(late.words).toEqual([
      expect.stringMatching(
        /^behind: the log shows size 290, after it showed 300, and does not serve the tree/,
      ),
    ]);
    await log.publish(300);
    expect((await lookOnce([watched(log)], kept, { ...log, nowMs: NOW + DAY_MS })).words).toEqual([
      expect.stringMatching(/^over: behind/),
    ]);
  });

  it("older than one that was shown, of a tree that is served still, is told likewise", async () => {
    const log = await logWith();
    const kept = nothingKept();
    await lookOnce([watched(log)], kept, { ...log, nowMs: NOW });
    const old = await log.publish(290);
    await log.publish(300);
    log.intercept = (path) => (path === "checkpoint" ? new Response(new Uint8Array(old)) : undefined);
    await lookOnce([watched(log)], kept, { ...log, nowMs: NOW });
    const late = await lookOnce([watched(log)], kept, { ...log, nowMs: NOW + DAY_MS });
    expect(late.words).toEqual(["behind: the log shows size 290, after it showed 300"]);
    expect(late.status.logs).toMatchObject([{ treeSize: 300 }]);
  });

  it("of a tree that is not served is told when it lasts, and kept; so are entries that are not served", async () => {
    const log = await logWith();
    for (const withheld of ["tile/0/", "tile/entries/001"]) {
      const kept = nothingKept();
      await log.publish(290);
      await lookOnce([watched(log)], kept, { ...log, nowMs: NOW });
      await log.publish(300);
      log.intercept = (path) => (path.startsWith(withheld) ? new Response("", { status: 404 }) : undefined);
      const first = await lookOnce([watched(log)], kept, { ...log, nowMs: NOW });
      expect(first.report.logs).toMatchObject([{ isRead: false, failure: { code: "REMOTE_REFUSED" } }]);
      const late = await lookOnce([watched(log)], kept, { ...log, nowMs: NOW + DAY_MS });
      expect(late.words).toEqual([expect.stringMatching(/^withheld: /)]);
      log.intercept = () => undefined;
      expect((await lookOnce([watched(log)], kept, { ...log, nowMs: NOW + DAY_MS })).words).toEqual([
        expect.stringMatching(/^over: withheld: /),
      ]);
    }
  });

  it("that is not signed by the log, or no checkpoint at all, is told when it lasts", async () => {
    const log = await logWith();
    const foreign = await openFakeLog({ seed: 2, entries: numbered(300), tilesOnly: true });
    for (const intercept of [
      () => new Response("<html>"),
      () => foreign.fetch(`${log.url}/checkpoint`, GET),
    ]) {
      log.intercept = (path) => (path === "checkpoint" ? intercept() : undefined);
      const kept = nothingKept();
      const first = await lookOnce([watched(log)], kept, { ...log, nowMs: NOW });
      expect(first.report.logs).toMatchObject([{ treeSize: undefined, failure: expect.any(TlogError) }]);
      const { words } = await lookOnce([watched(log)], kept, { ...log, nowMs: NOW + 60_000 });
      expect(words).toEqual([expect.stringMatching(/^bad-checkpoint: /)]);
    }
  });

  it("that stays while it should grow is told, and that the log does not answer", async () => {
    const log = await logWith();
    const patient = watched(log, { patience: { staleMs: 3_600_000 } });
    const kept = nothingKept();
    await lookOnce([patient], kept, { ...log, nowMs: NOW });
    expect((await lookOnce([patient], kept, { ...log, nowMs: NOW + DAY_MS })).words).toEqual([
      "stale: the log has shown size 300 since 86400 seconds ago, and nothing newer",
    ]);
    const fetch = network({});
    await lookOnce([patient], kept, { fetch, nowMs: NOW + DAY_MS });
    const gone = await lookOnce([patient], kept, { fetch, nowMs: NOW + 2 * DAY_MS });
    expect(gone.words).toEqual([expect.stringMatching(/^unreachable: /)]);
    await grow(log, "new");
    expect((await lookOnce([patient], kept, { ...log, nowMs: NOW + 2 * DAY_MS })).words).toEqual([
      expect.stringMatching(/^over: unreachable/),
      expect.stringMatching(/^over: stale/),
    ]);
  });
});

describe("the quorum of a policy", () => {
  it("that is lost, or says nothing new for too long, is told, and when it is back", async () => {
    const key = formatSigningKey(
      await generateSigningKey({ name: "w.example", seed: new Uint8Array(32).fill(9) }),
    );
    let cosignedAtSeconds = NOW / 1000;
    const witness = await openSigner(key, { type: 4, timestampSeconds: () => cosignedAtSeconds });
    const cosigned = await openFakeLog({ entries: numbered(3), signers: [witness] });
    const alone = await openFakeLog({ entries: numbered(3) });
    const vkey = formatVerifierKey(witness.verifierKey);
    const policy = `log ${alone.vkey}\nwitness w ${vkey} https://w.example/\nquorum w\n`;
    const places = [{ name: "w", url: "https://w.example/", role: "witness" as const }];
    const log = watched(alone, { trust: trustIn({ policy }), places, patience: { staleMs: 3_600_000 } });
    const kept = nothingKept();
    // A witness that has nothing to show is no alarm.
    const look = (shown: FakeLog, nowMs: number) =>
      lookOnce([log], kept, {
        fetch: (url, init) =>
          url.startsWith("https://w.example/")
            ? Promise.resolve(new Response("", { status: 404 }))
            : shown.fetch(url, init),
        nowMs,
      });
    const first = await look(cosigned, NOW + 1000);
    expect(first.told).toEqual([]);
    expect(first.status.logs).toMatchObject([
      { quorum: { margin: 0, cosignedAtSeconds }, places: [{ verdict: "nothing" }] },
    ]);
    await look(alone, NOW + 2000);
    expect((await look(alone, NOW + 62_000)).words).toEqual([
      expect.stringMatching(/^quorum-lost: want a quorum of w/),
    ]);
    expect((await look(cosigned, NOW + DAY_MS)).words).toEqual([
      expect.stringMatching(/^over: quorum-lost/),
      "stale: a quorum cosigned the newest head, of size 3, 86400 seconds ago, and none since",
    ]);
    cosignedAtSeconds += 86_400;
    await cosigned.publish();
    expect((await look(cosigned, NOW + DAY_MS)).words).toEqual([expect.stringMatching(/^over: stale/)]);
  });
});

describe("a log that tells by itself what is new", () => {
  it("is heard, and believed no more than when it is asked", async () => {
    const log = await logWith();
    const old = await log.publish();
    let tell = (_note: Uint8Array): void => undefined;
    log.intercept = (path, init) => {
      if (path === "checkpoint") return new Response(new Uint8Array(old));
      if (!path.startsWith("events")) return undefined;
      const stream = new ReadableStream<Uint8Array>({
        async start(controller) {
          init.signal.addEventListener("abort", () => controller.error(init.signal.reason));
          tell = (note) =>
            controller.enqueue(
              encodeEvent({ event: "checkpoint", id: 1, data: new TextDecoder().decode(note) }),
            );
          log.entries.push(bytes("wanted 300"));
          tell(await log.publish());
        },
      });
      return new Response(stream, { headers: { "content-type": "text/event-stream" } });
    };
    const kept = nothingKept();
    const other = await openFakeLog({ entries: numbered(301, 1000), tilesOnly: true });
    const ended = new AbortController();
    const kinds: string[] = [];
    const tellsOf = async ({ alerts }: { alerts: readonly Alert[] }) => {
      kinds.push(...alerts.map(({ kind }) => kind));
      if (alerts.some(({ kind }) => kind === "match")) tell(await other.publish());
      if (alerts.some(({ kind }) => kind === "fork")) ended.abort();
    };
    const monitor = await openMonitor({
      ...optionsFor([watched(log, { isHeard: true })], kept, log),
      sinks: [{ name: "log", tell: tellsOf }],
    });
    await monitor.run(ended.signal);
    expect(kinds).toEqual(["match", "fork"]);
    expect(kept.evidence).toHaveLength(1);
  });
});

describe("several logs", () => {
  it("are followed side by side until one ends it: one that hangs keeps nobody waiting", async () => {
    const one = await logWith("wanted 300");
    const other = await openFakeLog({ seed: 2, origin: "other.example/log", entries: [bytes("wanted")] });
    const fetch = network({ "log.example": one, "other.example": other });
    const told: Alert[] = [];
    const ended = new AbortController();
    const sink = {
      name: "log",
      tell: async ({ alerts }: { alerts: readonly Alert[] }) => {
        if (told.push(...alerts) === 3) ended.abort();
        if (told.length === 2) await grow(one, "wanted later");
      },
    };
    const hanging = {
      ...watched(other, { url: "https://hangs.example/" }),
      trust: trustIn({ vkey: (await openFakeLog({ seed: 3, origin: "hangs" })).vkey }),
    };
    const logs = [hanging, watched(one), watched(other, { url: "https://other.example/test" })];
    const asked: typeof fetch = (url, init) =>
      url.includes("hangs") ? new Promise(() => undefined) : fetch(url, init);
    const monitor = await openMonitor({
      ...optionsFor(logs, nothingKept(), { fetch: asked }),
      sinks: [sink],
    });
    await monitor.run(ended.signal);
    expect(told.map(({ origin, match }) => `${origin} ${match?.leafIndex}`).sort()).toEqual([
      "log.example/test 300",
      "log.example/test 301",
      "other.example/log 0",
    ]);
  });

  it("are refused when one stands there twice", async () => {
    const log = await logWith();
    const { logs, ...rest } = optionsFor([watched(log), watched(log)], nothingKept(), log);
    await expect(openMonitor({ logs, ...rest })).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
  });
});

/** Another one by one bit. */
function flip(body: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(body, (byte, at) => (at === 0 ? byte ^ 1 : byte));
}

const GET = { method: "GET", headers: {}, redirect: "manual", signal: new AbortController().signal } as const;
