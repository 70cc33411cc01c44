import { describe, expect, it } from "vitest";
import { verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import { formatNote, parseNote } from "../../src/tlog/note.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { logPlaces, type PeerWitness, peerPlace } from "../../src/witness/head-places.ts";
import { openHeadJudge } from "../../src/witness/judge-head.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { cosignerKey, known, START_SECONDS, type TestLog, testLog, testWitness, WITNESS } from "./harness.ts";
import { manualTime, settle } from "./manual-time.ts";
import { body, cosigned, endless, hanging, network, showLog } from "./network.ts";

const LOG_URL = "https://log.example/v";
const OTHER_URL = "https://cdn.example/log";
const PEER = "witness.example/peer";
const PEER_URL = "https://peer.example/monitor";
const SIGNAL = new AbortController().signal;

/** A witness that cosigned some sizes of a log, a peer, and a judge over a network that tests fill. */
async function world(options: { sizes?: readonly number[]; log?: TestLog } = {}) {
  const log = options.log ?? (await testLog("log.example/v", { size: 700 }));
  const known_ = known(log, { urls: [LOG_URL, OTHER_URL] });
  const tested = await testWitness([known_]);
  let from = 0;
  for (const size of options.sizes ?? [300, 520]) {
    await tested.witness.addCheckpoint(await log.request(from, size));
    from = size;
    tested.clock.seconds += 10;
  }
  const peer: PeerWitness = {
    name: "peer",
    url: PEER_URL,
    keys: [(await cosignerKey(PEER, 4, 50)).verifierKey],
  };
  const net = network();
  const time = manualTime(tested.clock.seconds * 1000);
  const warnings: string[] = [];
  const compared: object[] = [];
  const judge = openHeadJudge({
    witness: tested.witness,
    peers: [peer],
    events: {
      warning: ({ code }) => warnings.push(code),
      headCompared: (event) => compared.push(event),
    },
    now: time.now,
    network: { fetch: net.fetch, sleep: time.sleep },
  });
  /** What the judge makes of a note that the peer shows. */
  const fromPeer = (note: Uint8Array | undefined) => {
    net.at(PEER_URL, () => body(note));
    return judge.judge(known_, peerPlace(peer, log.origin), SIGNAL);
  };
  const kinds = async () => (await tested.witness.evidence(originHash(log.origin))).map(({ kind }) => kind);
  return { ...tested, log, known_, peer, net, time, warnings, compared, judge, fromPeer, kinds };
}

describe("a head that somebody shows", () => {
  it("is consistent when it is ours", async () => {
    const { fromPeer, log, net } = await world();
    expect((await fromPeer(await log.note(520)))?.comparison).toMatchObject({ verdict: "consistent" });
    expect(net.asked).toEqual([`${PEER_URL}/${originHash(log.origin)}/checkpoint`]);
  });

  it("may be missing at a peer, not at the log", async () => {
    const { fromPeer, judge, known_, net } = await world();
    expect(await fromPeer(undefined)).toBeUndefined();
    net.at(LOG_URL, () => body(undefined));
    const [place] = logPlaces(known_);
    if (place === undefined) return expect.unreachable();
    await expectCodeAsync(judge.judge(known_, place, SIGNAL), "REMOTE_REFUSED");
  });

  it("is compared with history, without network, and said to be so many leaves and seconds behind", async () => {
    const { fromPeer, log, net, compared, time } = await world();
    const stale = await cosigned(await log.note(300), {
      name: PEER,
      number: 50,
      timestampSeconds: time.now() / 1000 - 90,
    });
    const judged = await fromPeer(stale);
    expect(judged?.comparison).toEqual({ verdict: "behind", bySize: 220, sinceSeconds: 90 });
    expect(compared).toMatchObject([{ verdict: "behind", bySize: 220, sinceSeconds: 90 }]);
    expect(net.asked).toHaveLength(1);
  });

  it("is compared through the log's tiles when its size is not in history", async () => {
    const { fromPeer, log, net } = await world();
    await showLog(net, LOG_URL, log, 520);
    expect((await fromPeer(await log.note(411)))?.comparison).toEqual({
      verdict: "behind",
      bySize: 109,
      sinceSeconds: undefined,
    });
  });

  it("may be larger than ours, and is then tied to ours by tiles that hash to it", async () => {
    const { fromPeer, log, net } = await world();
    await showLog(net, LOG_URL, log, 700);
    const judged = await fromPeer(await log.note(700));
    expect(judged?.comparison).toMatchObject({
      verdict: "consistent",
      fromSize: 520,
      proof: log.proof(520, 700),
    });
  });

  it("takes the tiles from the next place when one serves none or those of another tree", async () => {
    const { fromPeer, log, net } = await world();
    await showLog(net, LOG_URL, log.forkedAt(2), 700);
    await showLog(net, OTHER_URL, log, 700);
    expect((await fromPeer(await log.note(700)))?.comparison).toMatchObject({ verdict: "consistent" });
  });

  it.each([
    ["of the same size", 520, "same-size"],
    ["of a size in history", 300, "same-size"],
    ["smaller", 411, "cross-size"],
    ["larger", 700, "cross-size"],
  ])("convicts the log when it is of another history and %s", async (_what, size, kind) => {
    const { fromPeer, log, net, witness, kinds, known_ } = await world();
    const fork = log.forkedAt(100);
    await showLog(net, LOG_URL, log, 520);
    await showLog(net, OTHER_URL, fork, 700);
    const judged = await fromPeer(await fork.note(size));
    expect(judged).toMatchObject({ isConvicted: true, comparison: { verdict: "evidence" } });
    expect(await kinds()).toEqual([kind]);
    const [stored] = await witness.evidence(originHash(log.origin));
    const file = await witness.evidenceFile(originHash(log.origin), stored?.id ?? "");
    const verdict = await verifyForkEvidence({ evidence: file ?? "", logKeys: known_.logKeys });
    expect(verdict.accused).toEqual({ role: "log", name: log.origin });
    await expectCodeAsync(witness.addCheckpoint(await log.request(520, 600)), "LOG_FROZEN");
  });

  it("is no more compared once the log is convicted, so that evidence does not pile up", async () => {
    const { fromPeer, log, kinds } = await world();
    const fork = log.forkedAt(100);
    await fromPeer(await fork.note(520));
    const again = await fromPeer(await fork.note(300));
    expect(again).toMatchObject({ isConvicted: true, comparison: undefined });
    expect(await kinds()).toEqual(["same-size"]);
  });

  it("proves nothing when nobody serves the larger tree: a warning after a while, once, never evidence", async () => {
    const { fromPeer, log, net, time, warnings, kinds } = await world();
    const fork = log.forkedAt(100);
    await showLog(net, LOG_URL, log, 520);
    for (let minute = 0; minute < 25; minute++) {
      const judged = await fromPeer(await fork.note(600));
      expect(judged?.comparison?.verdict).toBe("unproven");
      expect(warnings).toEqual(minute < 10 ? [] : ["HEAD_UNPROVEN"]);
      await time.advance(60_000);
    }
    expect(await kinds()).toEqual([]);
  });

  it("is convicted by a still larger head that the log shows elsewhere, whose tree is served", async () => {
    const { fromPeer, log, net, kinds } = await world();
    await showLog(net, LOG_URL, log, 700);
    const judged = await fromPeer(await log.forkedAt(100).note(600));
    expect(judged?.comparison?.verdict).toBe("evidence");
    expect(await kinds()).toEqual(["cross-size"]);
  });

  it("convicts the log when it says what cannot be true: size 0, but not the empty tree", async () => {
    const { fromPeer, log, kinds } = await world();
    expect(await fromPeer(await log.note(0, { rootHash: log.root(1) }))).toBeUndefined();
    expect(await kinds()).toEqual(["impossible"]);
  });

  it("of size 0 is consistent with everything", async () => {
    const { fromPeer, log } = await world();
    expect((await fromPeer(await log.note(0)))?.comparison).toMatchObject({ verdict: "behind", bySize: 520 });
  });

  it("is compared with nothing while this witness never cosigned for the log", async () => {
    const { fromPeer, log } = await world({ sizes: [] });
    const judged = await fromPeer(await log.note(300));
    expect(judged).toMatchObject({ head: { treeSize: 300 }, comparison: undefined, isConvicted: false });
  });
});

describe("a log with two keys", () => {
  it("is convicted by a head that one of them signed, whatever broken line of the other stands beside it", async () => {
    for (const [good, broken] of [
      [1, 6],
      [6, 1],
    ] as const) {
      const log = await testLog("log.example/v", { size: 700, types: [1, 6] });
      const { fromPeer, kinds } = await world({ log, sizes: [300] });
      const { text, signatures } = parseNote(await log.forkedAt(100).note(300));
      const others = parseNote(await log.note(299)).signatures;
      const lineOf = (type: number, lines: typeof signatures) =>
        lines.filter((_, at) => log.signers[at]?.verifierKey.type === type);
      const forged = formatNote({
        text,
        signatures: [...lineOf(broken, others), ...lineOf(good, signatures)],
      });
      expect((await fromPeer(forged))?.comparison?.verdict).toBe("evidence");
      expect(await kinds()).toEqual(["same-size"]);
    }
  });
});

describe("a liar", () => {
  it("that shows rubbish, somebody else's key or another log gets nowhere", async () => {
    const { fromPeer, log, kinds } = await world();
    const stranger = await testLog(log.origin, { size: 700, number: 77 });
    const other = await testLog("other.example/log", { size: 700 });
    const note = await log.note(300);
    const bent = note.slice();
    bent[bent.length - 5] = bent[bent.length - 5] === 0x41 ? 0x42 : 0x41;
    await expectCodeAsync(fromPeer(new TextEncoder().encode("<html>hello</html>")), "NOTE_MALFORMED");
    await expectCodeAsync(fromPeer(new Uint8Array(0)), "NOTE_MALFORMED");
    await expectCodeAsync(fromPeer(await stranger.note(300)), "SIGNATURE_MISSING");
    await expectCodeAsync(fromPeer(await other.note(300)), "ORIGIN_MISMATCH");
    await expectCodeAsync(fromPeer(bent), "SIGNATURE_MISSING");
    expect(await kinds()).toEqual([]);
  });

  it("that sends without end is cut off", async () => {
    const { judge, known_, peer, net, log } = await world();
    net.at(PEER_URL, () => endless());
    await expectCodeAsync(judge.judge(known_, peerPlace(peer, log.origin), SIGNAL), "REMOTE_TOO_LARGE");
  });

  it("that hangs is left after its time", async () => {
    const { judge, known_, peer, net, time, log } = await world();
    net.at(PEER_URL, hanging);
    const judged = expectCodeAsync(
      judge.judge(known_, peerPlace(peer, log.origin), SIGNAL),
      "REMOTE_TIMEOUT",
    );
    await time.advance(10_000);
    await judged;
  });

  it("that serves tiles without end proves nothing", async () => {
    const { fromPeer, log, net } = await world();
    net.at(LOG_URL, () => endless());
    net.at(OTHER_URL, () => body(new Uint8Array(31)));
    expect((await fromPeer(await log.note(700)))?.comparison?.verdict).toBe("unproven");
  });
});

describe("what is on a head beside the log's signature", () => {
  it("this witness's own signature beyond its store stops it signing for the log", async () => {
    const { fromPeer, log, witness, net } = await world();
    await showLog(net, LOG_URL, log, 700);
    await fromPeer(
      await cosigned(await log.note(600), { name: WITNESS, timestampSeconds: START_SECONDS + 60 }),
    );
    await expectCodeAsync(witness.addCheckpoint(await log.request(520, 700)), "WITNESS_ROLLED_BACK");
  });

  it("its own signature that the store knows is fine", async () => {
    const { fromPeer, log, witness } = await world();
    await fromPeer(await witness.checkpoint(originHash(log.origin)));
    await witness.addCheckpoint(await log.request(520, 700));
  });

  it("a peer that cosigned both histories is convicted too, wherever its cosignatures were met", async () => {
    const { fromPeer, log, net, judge, known_, kinds, witness, peer } = await world();
    const by = (timestampSeconds: number) => ({ name: PEER, number: 50, timestampSeconds });
    await fromPeer(await cosigned(await log.note(520), by(START_SECONDS)));
    const fork = log.forkedAt(100);
    const shown = await showLog(net, OTHER_URL, fork, 700);
    shown.note = await cosigned(await fork.note(700), by(START_SECONDS + 5));
    const [, place] = logPlaces(known_);
    if (place === undefined) return expect.unreachable();
    expect((await judge.judge(known_, place, SIGNAL))?.isConvicted).toBe(true);
    expect(await kinds()).toEqual(["cross-size", "witness-equivocation"]);
    const [, stored] = await witness.evidence(originHash(log.origin));
    const file = await witness.evidenceFile(originHash(log.origin), stored?.id ?? "");
    const keys = { logKeys: known_.logKeys, witnessKeys: peer.keys };
    const verdict = await verifyForkEvidence({ evidence: file ?? "", ...keys });
    expect(verdict.accused).toEqual({ role: "witness", name: PEER });
  });

  it("a peer that went back convicts itself, and not the log", async () => {
    const { fromPeer, log, kinds, witness } = await world();
    const by = (timestampSeconds: number) => ({ name: PEER, number: 50, timestampSeconds });
    await fromPeer(await cosigned(await log.note(520), by(START_SECONDS)));
    await fromPeer(await cosigned(await log.note(300), by(START_SECONDS + 5)));
    await fromPeer(await cosigned(await log.note(300), by(START_SECONDS + 6)));
    expect(await kinds()).toEqual(["witness-rollback"]);
    await witness.addCheckpoint(await log.request(520, 700));
  });

  it("an old note in between does not hide that a peer went back", async () => {
    const { fromPeer, log, kinds } = await world();
    const by = (timestampSeconds: number) => ({ name: PEER, number: 50, timestampSeconds });
    await fromPeer(await cosigned(await log.note(520), by(START_SECONDS + 5)));
    await fromPeer(await cosigned(await log.note(300), by(START_SECONDS)));
    await fromPeer(await cosigned(await log.note(300), by(START_SECONDS + 6)));
    expect(await kinds()).toEqual(["witness-rollback"]);
  });

  it("an old note of an honest peer, from a cache, convicts nobody", async () => {
    const { fromPeer, log, kinds } = await world();
    const by = (timestampSeconds: number) => ({ name: PEER, number: 50, timestampSeconds });
    await fromPeer(await cosigned(await log.note(520), by(START_SECONDS + 5)));
    await fromPeer(await cosigned(await log.note(300), by(START_SECONDS)));
    await settle();
    expect(await kinds()).toEqual([]);
  });
});
