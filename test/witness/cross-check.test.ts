import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import type { PeerWitness } from "../../src/witness/head-places.ts";
import type { PollLoop } from "../../src/witness/poll-loop.ts";
import { type PollerOptions, startPollers } from "../../src/witness/pollers.ts";
import type { Roster, WitnessedLog } from "../../src/witness/witness.ts";
import { known, type TestLog, testLog, testWitness } from "./harness.ts";
import { manualTime, settle } from "./manual-time.ts";
import { body, hanging, network, showLog } from "./network.ts";

const LOG_URL = "https://log.example/v";
const INTERVAL_MS = 60_000;
const loops: PollLoop[] = [];
const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(loops.splice(0).map((loop) => loop.close()));
  for (const server of servers.splice(0)) server.closeAllConnections();
});

function peerAt(url: string): PeerWitness {
  return { name: url, url, keys: [] };
}

function start(options: PollerOptions): void {
  loops.push(startPollers({ pullIntervalMs: 1e9, ...options }));
}

async function cosigning(log: TestLog, size: number, more: Partial<WitnessedLog> = {}) {
  const tested = await testWitness([known(log, { urls: [LOG_URL], ...more })]);
  await tested.witness.addCheckpoint(await log.request(0, size));
  const kinds = async () => (await tested.witness.evidence(originHash(log.origin))).map(({ kind }) => kind);
  return { ...tested, kinds };
}

describe("cross-check", () => {
  it.each([0, 0.5, 0.999])(
    "finds a fork that a peer shows within one interval of its showing, while another peer hangs (chance %d)",
    async (random) => {
      const log = await testLog("log.example/v", { size: 700 });
      const fork = log.forkedAt(100);
      const { witness, kinds } = await cosigning(log, 520);
      const [net, time] = [network(), manualTime()];
      await showLog(net, LOG_URL, log, 520);
      net.at("https://slow.example", hanging);
      let shown = await log.note(520);
      net.at("https://peer.example", () => body(shown));
      start({
        witness,
        peers: [peerAt("https://slow.example"), peerAt("https://peer.example")],
        events: {},
        now: time.now,
        monotonicMs: time.now,
        sleep: time.sleep,
        random: () => random,
        network: { fetch: net.fetch, sleep: time.sleep },
        crossCheckIntervalMs: INTERVAL_MS,
      });
      for (const offset of [7_000, 31_000]) await time.advance(offset);
      expect(await kinds()).toEqual([]);
      shown = await fork.note(411);
      await time.advance(INTERVAL_MS);
      expect(await kinds()).toEqual(["cross-size"]);
    },
  );

  it("WIT-15 finds, with the log's tiles, a fork that was only sent to be cosigned and convicted nobody by itself", async () => {
    const log = await testLog("log.example/v", { size: 700 });
    const fork = log.forkedAt(100);
    const { witness, kinds } = await cosigning(log, 512);
    const [net, time] = [network(), manualTime()];
    await showLog(net, LOG_URL, log, 600);
    const requests = [
      // From a power of two: the proof does not hold the root it starts from, and the larger tree is nobody's to read.
      { oldSize: 512, proof: fork.proof(512, 600), checkpoint: await fork.note(600) },
      // A size between those that were cosigned, behind the newest head.
      { oldSize: 0, proof: [], checkpoint: await fork.note(411) },
    ];
    for (const request of requests) await witness.submit(request).catch(() => undefined);
    expect(await kinds()).toEqual([]);
    start({
      witness,
      peers: [],
      events: {},
      now: time.now,
      monotonicMs: time.now,
      sleep: time.sleep,
      random: () => 0.5,
      network: { fetch: net.fetch, sleep: time.sleep },
      crossCheckIntervalMs: INTERVAL_MS,
    });
    await time.advance(INTERVAL_MS);
    expect(await kinds()).toEqual(["cross-size"]);
    await time.advance(INTERVAL_MS);
    expect(witness.suspects.of(log.origin)).toEqual([]);
  });

  it.each(["once its tiles are served again", "past replays of the log's old heads"])(
    "finds such a fork %s, and tells of it meanwhile",
    async (how) => {
      const log = await testLog("log.example/v", { size: 700 });
      const fork = log.forkedAt(100);
      const [net, time] = [network(), manualTime()];
      const { witness, kinds } = await cosigning(log, 512);
      const shown = await showLog(net, LOG_URL, log, 512);
      const warnings: string[] = [];
      start({
        witness,
        peers: [],
        events: { warning: ({ code }) => warnings.push(code) },
        now: time.now,
        monotonicMs: time.now,
        sleep: time.sleep,
        random: () => 0,
        network: { fetch: net.fetch, sleep: time.sleep },
        crossCheckIntervalMs: INTERVAL_MS,
      });
      const send = async (from: TestLog, size: number) =>
        witness.submit({ oldSize: 0, proof: [], checkpoint: await from.note(size) }).catch(() => undefined);
      shown.servesTiles = how.startsWith("past");
      await send(fork, 300);
      if (how.startsWith("past")) {
        for (let size = 200; size < 220; size++) await send(log, size);
      } else {
        await time.advance(15 * INTERVAL_MS);
        expect(await kinds()).toEqual([]);
        expect(warnings).toEqual(["HEAD_UNPROVEN"]);
        shown.servesTiles = true;
      }
      await time.advance(INTERVAL_MS);
      expect(await kinds()).toEqual(["cross-size"]);
      await time.advance(2 * INTERVAL_MS);
      expect(witness.suspects.origins()).toEqual([]);
    },
  );

  it("looks at every URL of a log, and at each peer for every log", async () => {
    const logs = await Promise.all(["a.example", "b.example"].map((origin) => testLog(origin)));
    const [net, time] = [network(), manualTime()];
    const urls = ["https://one.example", "https://two.example"];
    const { witness } = await testWitness([
      ...logs.map((log) => known(log, { urls })),
      known(await testLog("off.example"), { urls, isDisabled: true }),
    ]);
    for (const url of urls) net.at(url, () => body(undefined));
    start({
      witness,
      peers: [peerAt("https://peer.example/p"), peerAt("https://peer.example/q")],
      events: {},
      now: time.now,
      monotonicMs: time.now,
      sleep: time.sleep,
      random: () => 0.5,
      network: { fetch: net.fetch, sleep: time.sleep },
      crossCheckIntervalMs: INTERVAL_MS,
    });
    await time.advance(INTERVAL_MS);
    const hashes = logs.map(({ origin }) => originHash(origin));
    expect([...new Set(net.asked)].sort()).toEqual(
      [
        "https://one.example/checkpoint",
        "https://two.example/checkpoint",
        ...["p", "q"].flatMap((peer) =>
          hashes.map((hash) => `https://peer.example/${peer}/${hash}/checkpoint`),
        ),
      ].sort(),
    );
  });

  it("makes no list of its logs while the roster stays as it is", async () => {
    const log = known(await testLog("log.example/v", { size: 1 }), { urls: [LOG_URL] });
    const reads = { count: 0 };
    const counted = {
      ...log,
      get origin() {
        reads.count += 1;
        return log.origin;
      },
    };
    const roster: Roster = { find: () => undefined, findByHash: () => undefined, logs: () => logs };
    const logs = [counted];
    const { witness } = await testWitness([], { roster });
    const time = manualTime();
    reads.count = 0;
    start({
      witness,
      peers: [peerAt("https://one.example"), peerAt("https://two.example")],
      events: {},
      now: time.now,
      monotonicMs: time.now,
      sleep: time.sleep,
      random: () => 0,
      crossCheckIntervalMs: INTERVAL_MS,
    });
    await time.advance(INTERVAL_MS);
    // The log's own place, two peers, and pulling.
    expect(reads.count).toBe(4);
  });

  it("tells of a peer that is down once in ten minutes, not once a log", async () => {
    const logs = await Promise.all(
      Array.from({ length: 20 }, (_, at) => testLog(`log.example/${at}`, { size: 1 })),
    );
    const { witness } = await testWitness(logs.map((log) => known(log)));
    const [net, time] = [network(), manualTime()];
    const warnings: string[] = [];
    start({
      witness,
      peers: [peerAt("https://down.example")],
      events: { warning: ({ message }) => warnings.push(message) },
      now: time.now,
      monotonicMs: time.now,
      sleep: time.sleep,
      random: Math.random,
      network: { fetch: net.fetch, sleep: time.sleep },
      crossCheckIntervalMs: INTERVAL_MS,
    });
    await time.advance(5 * INTERVAL_MS);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("at https://down.example: not compared");
  });

  it("finds a fork over real sockets, and the evidence verifies with the log's key alone", async () => {
    const log = await testLog("log.example/v", { size: 700 });
    const fork = log.forkedAt(100);
    const net = network();
    await showLog(net, LOG_URL, fork, 700);
    const server = createServer((request, response) => {
      void net.fetch(`${LOG_URL}${request.url}`, {} as never).then(async (answer) => {
        response.writeHead(answer.status).end(new Uint8Array(await answer.arrayBuffer()));
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { witness, kinds } = await cosigning(log, 520, { urls: [url] });
    const found = new Promise<void>((resolve) => {
      const headCompared = ({ verdict }: { verdict: string }) => verdict === "evidence" && resolve();
      const options = { witness, peers: [], now: Date.now, random: () => 0 };
      start({ ...options, events: { headCompared }, crossCheckIntervalMs: 1_000 });
    });
    await found;
    await settle();
    expect(await kinds()).toEqual(["cross-size"]);
    const [stored] = await witness.evidence(originHash(log.origin));
    const file = await witness.evidenceFile(originHash(log.origin), stored?.id ?? "");
    const verdict = await verifyForkEvidence({ evidence: file ?? "", logKeys: log.keys });
    expect(verdict.kind).toBe("cross-size");
  });
});
