/** Heads with the log's signature, wherever they are shown, and whether or not anybody can prove them. */
import { describe, expect, it } from "vitest";
import { trustIn } from "../../client/policy.ts";
import { signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { formatFrozen } from "../../src/tlog/frozen.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { type FakeLog, numbered, openFakeLog } from "../client/fake-log.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";
import { type Kept, lookOnce, network, nothingKept, watched } from "./harness.ts";

const DAY_MS = 86_400_000;
const NOW = 1_700_000_000_000;
const MIRROR = { name: "the mirror", url: "https://mirror.example/test", role: "mirror" as const };
const places = [MIRROR];

const logOf = (count: number, from = 0) => openFakeLog({ entries: numbered(count, from), tilesOnly: true });

/** Shows its heads and serves no tile. */
async function hidingLog(count: number, from = 1000): Promise<FakeLog> {
  const log = await logOf(count, from);
  log.intercept = (path) => (path === "checkpoint" ? undefined : new Response("", { status: 404 }));
  return log;
}

/** Looks at what the log's place and the mirror's show; undefined: nothing. */
async function look(
  [shown, mirror]: readonly [FakeLog | undefined, FakeLog?],
  kept: Kept,
  { of, nowMs, watches = places }: { of: FakeLog; nowMs: number; watches?: typeof places },
) {
  const hosts = { ...(shown && { "log.example": shown }), ...(mirror && { "mirror.example": mirror }) };
  const watching = watched(of, { places: mirror === undefined && shown !== undefined ? [] : watches });
  return lookOnce([watching], kept, { fetch: network(hosts), nowMs });
}

describe("a fork", () => {
  it("that no quorum cosigned is one all the same, at once", async () => {
    const seed = new Uint8Array(32).fill(9);
    const key = formatSigningKey(await generateSigningKey({ name: "w.example", seed }));
    const witness = await openSigner(key, { type: 4, timestampSeconds: () => NOW / 1000 });
    const cosigned = await openFakeLog({ entries: numbered(3), signers: [witness] });
    const fork = await logOf(3, 1000);
    const policy = `log ${fork.vkey}\nwitness w ${formatVerifierKey(witness.verifierKey)}\nquorum w\n`;
    const kept = nothingKept();
    const shows = (log: FakeLog) =>
      lookOnce([watched(fork, { trust: trustIn({ policy }) })], kept, { ...log, nowMs: NOW });
    expect((await shows(cosigned)).words).toEqual([]);
    expect((await shows(fork)).words).toEqual([expect.stringMatching(/^fork: the log shows size 3/)]);
    expect(kept.evidence).toHaveLength(1);
  });

  it.each([
    ["a mirror", 700_000],
    ["the log", 60_000],
  ])("that %s showed without its tree is one as soon as the log's own tree tells", async (who, lastedMs) => {
    const log = await logOf(300);
    const fork = await hidingLog(400);
    const kept = nothingKept();
    const isMirror = who === "a mirror";
    const forked = () => (isMirror ? ([log, fork] as const) : ([fork, log] as const));
    await look([log, log], kept, { of: log, nowMs: NOW });
    await look(forked(), kept, { of: log, nowMs: NOW + 1000 });
    const later = await look(forked(), kept, { of: log, nowMs: NOW + 1000 + lastedMs });
    expect(later.words).toEqual(isMirror ? [expect.stringMatching(/^unproven: the mirror/)] : []);
    expect(kept.checkpoints).toHaveLength(1);
    log.entries.push(...numbered(200, 300));
    await log.publish();
    const { words } = await look([log, log], kept, { of: log, nowMs: NOW + DAY_MS });
    expect(words).toContainEqual(expect.stringMatching(/^fork: .* shows size 400/));
    expect(kept.evidence).toHaveLength(1);
  });

  it("that a mirror shows is found while the log is silent, or shows an old head", async () => {
    const log = await logOf(300);
    const fork = await logOf(300, 1000);
    for (const isSilent of [true, false]) {
      const kept = nothingKept();
      const old = await log.publish(290);
      await log.publish(300);
      log.intercept = () => undefined;
      await look([log, log], kept, { of: log, nowMs: NOW });
      log.intercept = (path) => (path === "checkpoint" ? new Response(new Uint8Array(old)) : undefined);
      const { words } = await look([isSilent ? undefined : log, fork], kept, { of: log, nowMs: NOW + 1000 });
      expect(words).toEqual([expect.stringMatching(/^fork: the mirror shows size 300/)]);
    }
  });
});

describe("a head that nobody can prove", () => {
  it("is kept until it is, and then makes room", async () => {
    const log = await logOf(10);
    const ahead = await hidingLog(10, 0);
    const kept = nothingKept();
    for (let round = 0; round < 4; round++) {
      ahead.entries.push(...numbered(1, 10 + round));
      await ahead.publish();
      await look([log, ahead], kept, { of: log, nowMs: NOW + round * 60_000 });
      expect(kept.checkpoints).toHaveLength(1);
      log.entries.push(...numbered(1, 10 + round));
      await log.publish();
      expect((await look([log, ahead], kept, { of: log, nowMs: NOW + round * 60_000 })).words).toEqual([]);
      expect(kept.checkpoints).toHaveLength(0);
    }
  });
});

describe("over runs", () => {
  it("a mirror that is ahead of the log, or stays behind it, is told when it lasts", async () => {
    const [small, large] = [await logOf(300), await logOf(400)];
    for (const [log, mirror, kind] of [
      [small, large, /^behind: the mirror showed size 400/],
      [large, small, /^place: the mirror still shows size 300/],
    ] as const) {
      const kept = nothingKept();
      const at = (day: number) => look([log, mirror], kept, { of: log, nowMs: NOW + day * DAY_MS });
      expect((await at(0)).words).toEqual([]);
      expect((await at(1)).words).toEqual([]);
      expect((await at(2)).words).toEqual([expect.stringMatching(kind)]);
      expect((await at(3)).words).toEqual([]);
    }
  });

  it("wrong bytes are not over because an older head is shown", async () => {
    const log = await logOf(600);
    const old = await log.publish(200);
    await log.publish(600);
    let isOld = false;
    log.intercept = (path) => {
      if (path === "tile/entries/001") return new Response("rubbish");
      return path === "checkpoint" && isOld ? new Response(new Uint8Array(old)) : undefined;
    };
    const kept = nothingKept();
    await look([log], kept, { of: log, nowMs: NOW });
    isOld = true;
    const { words, status, report } = await look([log], kept, { of: log, nowMs: NOW + 1000 });
    expect(words).toEqual([]);
    expect(report.logs).toMatchObject([{ isRead: false }]);
    expect(status.logs).toMatchObject([{ alarms: [{ kind: "wrong-bytes" }] }]);
  });

  it("a clock that was ahead keeps nothing from being told", async () => {
    const log = await logOf(300);
    const kept = nothingKept();
    const ahead = NOW + 3650 * DAY_MS;
    await look([log, log], kept, { of: log, nowMs: ahead });
    await look([undefined, log], kept, { of: log, nowMs: ahead });
    expect((await look([undefined, log], kept, { of: log, nowMs: NOW })).words).toEqual([]);
    const { words } = await look([undefined, log], kept, { of: log, nowMs: NOW + DAY_MS });
    expect(words).toEqual([expect.stringMatching(/^unreachable: /)]);
  });

  it("a head that was seen by a clock that was ahead is stale when its time has come", async () => {
    const log = await logOf(3);
    const kept = nothingKept();
    const watching = [watched(log, { patience: { staleMs: DAY_MS } })];
    const at = (nowMs: number) => lookOnce(watching, kept, { ...log, nowMs });
    for (const nowMs of [NOW + 3650 * DAY_MS, NOW]) expect((await at(nowMs)).words).toEqual([]);
    expect((await at(NOW + 2 * DAY_MS)).words).toEqual([expect.stringMatching(/^stale: /)]);
  });

  it("a mirror that is not watched any more is no alarm", async () => {
    const log = await logOf(3);
    const kept = nothingKept();
    const hosts = { fetch: network({ "log.example": log }) };
    await lookOnce([watched(log, { places })], kept, { ...hosts, nowMs: NOW });
    await lookOnce([watched(log, { places })], kept, { ...hosts, nowMs: NOW + DAY_MS });
    const { words, status } = await lookOnce([watched(log)], kept, { ...hosts, nowMs: NOW + 2 * DAY_MS });
    expect(words).toEqual([expect.stringMatching(/^over: place/)]);
    expect(status.logs).toMatchObject([{ alarms: [] }]);
  });
});

describe("a log that ended", () => {
  it("and names another end, takes it back, or goes on is told, with both heads", async () => {
    const log = await logOf(350);
    const tree = new ReferenceTree(log.entries.map(leafHashOf));
    const note = (treeSize: number, extensions: readonly string[]) =>
      signCheckpoint({ origin: log.origin, treeSize, rootHash: tree.root(treeSize), extensions }, [
        log.signer,
      ]);
    const end = async (seed: number) => {
      const { vkey } = await openFakeLog({ origin: `next/${seed}`, seed });
      return formatFrozen({ atSeconds: NOW / 1000, successor: { vkey, url: undefined } });
    };
    const last = await note(300, await end(41));
    const wrong = [note(300, await end(42)), note(300, []), note(350, [])];
    for (const contradicting of await Promise.all(wrong)) {
      let shown = last;
      log.intercept = (path) => (path === "checkpoint" ? new Response(new Uint8Array(shown)) : undefined);
      const kept = nothingKept();
      expect((await look([log], kept, { of: log, nowMs: NOW })).words).toEqual([
        expect.stringMatching(/^ended: /),
      ]);
      expect((await look([log], kept, { of: log, nowMs: NOW + DAY_MS })).words).toEqual([]);
      shown = contradicting;
      const { told } = await look([log], kept, { of: log, nowMs: NOW + 2 * DAY_MS });
      expect(told).toMatchObject([{ kind: "reopened" }]);
      expect(kept.checkpoints).toHaveLength(2);
    }
  });
});
