import { describe, expect, it } from "vitest";
import type { LogEvents } from "../../src/events.ts";
import type { Log } from "../../src/log/log.ts";
import { formatAddCheckpoint as addCheckpointBody } from "../../src/tlog/add-checkpoint.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { encodeTimestampedSignature } from "../../src/tlog/cosignature.ts";
import { formatVerifierKey, parseVerifierKey } from "../../src/tlog/key.ts";
import { noteSignature } from "../../src/tlog/note.ts";
import { type Policy, parsePolicy, singleKeyPolicy } from "../../src/tlog/policy.ts";
import { verifyTlogProof } from "../../src/tlog/proof.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { type Disks, emptyDisks, entry, gate, openOn, published, testSigner } from "./harness.ts";
import { hang, respond, type StubWitness, stubWitness, witnessed } from "./stub-witness.ts";

type Options = NonNullable<Parameters<typeof witnessed>[2]>;

const vkey = formatVerifierKey((await testSigner()).verifierKey);

async function three(): Promise<[StubWitness, StubWitness, StubWitness]> {
  return [await stubWitness("a"), await stubWitness("b"), await stubWitness("c")];
}

interface Told {
  readonly quorum: string[];
  readonly witness: string[];
  readonly warnings: string[];
  readonly merged: number[];
  readonly events: LogEvents;
}

function listener(): Told {
  const told = {
    quorum: [] as string[],
    witness: [] as string[],
    warnings: [] as string[],
    merged: [] as number[],
  };
  const events: LogEvents = {
    quorumMissing: ({ treeSize, missing }) =>
      told.quorum.push(
        `${treeSize} ${missing.map(({ name, reason }) => `${name} ${reason.split(":")[0]}`).join(", ")}`,
      ),
    quorumRecovered: ({ treeSize }) => told.quorum.push(`back ${treeSize}`),
    witnessFailed: ({ name, code }) => told.witness.push(`${name} ${code}`),
    witnessRecovered: ({ name }) => told.witness.push(`${name} back`),
    warning: ({ code }) => told.warnings.push(code),
    cosignaturesMerged: ({ cosignatures }) => told.merged.push(cosignatures),
  };
  return { ...told, events };
}

async function openWith(
  witnesses: readonly StubWitness[],
  {
    disks = emptyDisks(),
    told = listener(),
    intervalMs = 0,
    ...options
  }: Options & {
    readonly disks?: Disks;
    readonly told?: Told;
    readonly intervalMs?: number;
  } = {},
): Promise<Log> {
  return await openOn(disks, {
    witnesses: witnessed(vkey, witnesses, options),
    events: told.events,
    checkpointIntervalMs: intervalMs,
  });
}

/** Who cosigned the published checkpoint, as a verifier finds it. */
async function cosigners(log: Log, policy?: Policy): Promise<readonly string[]> {
  const trusted = policy ?? log.witnessing()?.policy ?? singleKeyPolicy(vkey);
  const { checkpoint } = log.published();
  const opened = await openCheckpoint({ signedNote: checkpoint, policy: { ...trusted, quorum: "none" } });
  return opened.cosignatures.map(({ name }) => name).sort();
}

/** Its first entry is published, and cosigned by all three. */
async function begin(log: Log): Promise<void> {
  await log.add(entry("first"));
  await published(log, 0);
  await expect.poll(() => cosigners(log)).toHaveLength(3);
}

describe("a log with witnesses", () => {
  it("shows heads a quorum cosigned, and gives receipts that verify against the policy", async () => {
    const stubs = await three();
    await using log = await openWith(stubs);
    await log.addBatch([entry(0), entry(1)]);
    await published(log, 1);
    const policy = log.witnessing()?.policy ?? singleKeyPolicy(vkey);
    const verified = await verifyTlogProof({ receipt: await log.receipt(1), entry: entry(1), policy });
    expect(verified.cosignatures.length).toBeGreaterThanOrEqual(2);
    await expect.poll(() => cosigners(log)).toEqual(["a", "b", "c"]);
    expect(log.witnessing()).toMatchObject({
      mode: "strict",
      isQuorumMissing: false,
      witnesses: stubs.map(({ name }) => ({ name, isFailing: false, lastCosigned: { treeSize: 2 } })),
    });
  });

  it("opens as a new log without waiting for anybody, and shows the empty tree to readers, and to no witness", async () => {
    const stubs = await three();
    await using log = await openWith(stubs);
    expect(log.published().treeSize).toBe(0);
    expect(await cosigners(log)).toEqual([]);
    await begin(log);
    // After the empty tree, which can be cosigned too, Sunlight v0.8.1 refuses all others.
    for (const { statuses } of stubs) expect(statuses).toEqual([200]);
  });

  it("does not wait for a slow witness, and merges its cosignature into the same size, durably", async () => {
    const stubs = await three();
    const door = gate();
    const told = listener();
    const disks = emptyDisks();
    // Else it is asked again while it is slow, and what it says then is merged too.
    const backoff = { firstDelayMs: 2, maxDelayMs: 60_000 };
    await using log = await openWith(stubs, { told, disks, backoff });
    await begin(log);
    told.merged.length = 0;
    stubs[2].answer = ({ honest }) => door.passed.then(honest);
    await log.add(entry(1));
    await published(log, 1);
    expect(await cosigners(log)).toEqual(["a", "b"]);
    door.open();
    await expect.poll(() => cosigners(log)).toEqual(["a", "b", "c"]);
    expect(disks.store.head.published?.checkpoint).toEqual(log.published().checkpoint);
    expect(told.merged).toEqual([3]);
  });

  it("never puts a late cosignature of an older head into a newer checkpoint", async () => {
    const stubs = await three();
    const door = gate();
    await using log = await openWith(stubs);
    await begin(log);
    stubs[2].answer = ({ honest }) => door.passed.then(honest);
    await log.add(entry(1));
    await published(log, 1);
    await log.add(entry(2));
    await published(log, 2);
    stubs[2].answer = undefined;
    door.open();
    await expect.poll(() => stubs[2].head.treeSize).toBe(3);
    await expect.poll(() => cosigners(log)).toEqual(["a", "b", "c"]);
    expect(stubs[2].requests.filter(({ oldSize }) => oldSize === 2)).toHaveLength(1);
  });

  it("strict: keeps the last checkpoint while the quorum is missing, goes on integrating, says who is missing, and recovers with the newest head", async () => {
    const stubs = await three();
    const told = listener();
    await using log = await openWith(stubs, { told });
    await log.add(entry(0));
    await published(log, 0);
    const before = log.published().treeSize;
    for (const stub of stubs.slice(1)) stub.answer = () => respond(500);
    await log.add(entry(1));
    const waiting = log.untilPublished(1, { signal: AbortSignal.timeout(5000) });
    await expect.poll(() => told.quorum).toEqual(["2 b REMOTE_REFUSED, c REMOTE_REFUSED"]);
    expect(log.witnessing()).toMatchObject({ isQuorumMissing: true });
    expect(await log.add(entry(2))).toMatchObject({ leafIndex: 2 });
    await log.add(entry(3));
    expect(log.published().treeSize).toBe(before);
    expect(log.state().status).toBe("writable");
    stubs[1].answer = undefined;
    // Of an attempt that was under way, or of the newest head.
    expect((await waiting).treeSize).toBeGreaterThanOrEqual(3);
    await published(log, 3);
    expect(told.quorum).toEqual([
      "2 b REMOTE_REFUSED, c REMOTE_REFUSED",
      expect.stringMatching(/^back [34]$/),
    ]);
    expect(told.witness).toContain("b back");
    // Between failures they were left alone, and not asked once an entry.
    expect(stubs[1].requests.length).toBeLessThan(30);
  });

  it("best effort: publishes without a quorum, and adds the cosignatures when they come", async () => {
    const stubs = await three();
    for (const stub of stubs) stub.answer = () => respond(503);
    await using log = await openWith(stubs, { mode: "best-effort" });
    await log.add(entry(0));
    await published(log, 0);
    expect(await cosigners(log)).toEqual([]);
    for (const stub of stubs) stub.answer = undefined;
    await expect.poll(() => cosigners(log)).toEqual(["a", "b", "c"]);
    expect(log.published().treeSize).toBe(1);
  });

  it("asks who failed again for the head that is shown, and nobody else", async () => {
    const stubs = await three();
    await using log = await openWith(stubs);
    await begin(log);
    stubs[2].answer = () => respond(500);
    await log.add(entry(1));
    await published(log, 1);
    await expect.poll(() => stubs[2].requests.length).toBeGreaterThan(2);
    stubs[2].answer = undefined;
    await expect.poll(() => cosigners(log)).toEqual(["a", "b", "c"]);
    expect(stubs[0].requests).toHaveLength(2);
  });

  it("publishes at once for a policy without a quorum, and adds what its witnesses sign", async () => {
    const stubs = await three();
    const door = gate();
    for (const stub of stubs) stub.answer = ({ honest }) => door.passed.then(honest);
    await using log = await openWith(stubs, { quorum: "quorum none" });
    await log.add(entry(0));
    await published(log, 0);
    expect(await cosigners(log)).toEqual([]);
    door.open();
    await expect.poll(() => cosigners(log)).toEqual(["a", "b", "c"]);
  });

  it("keeps to its interval also when somebody waits", async () => {
    const stubs = await three();
    await using log = await openWith(stubs, { intervalMs: 3_600_000 });
    await log.add(entry(0));
    await published(log, 0);
    await log.add(entry(1));
    await expectCodeAsync(log.untilPublished(1, { signal: AbortSignal.timeout(30) }), "ABORTED");
    expect(log.published().treeSize).toBe(1);
  });

  it("asks again for the same size when it is idle, so that cosignatures stay fresh", async () => {
    const stubs = await three();
    let seconds = 1_700_000_000;
    for (const stub of stubs) stub.clock = () => seconds++;
    await using log = await openWith(stubs, { refreshIntervalMs: 10, clock: () => seconds * 1000 });
    await log.add(entry(0));
    await published(log, 0);
    const first = log.published().checkpoint;
    await expect.poll(() => stubs.every(({ requests }) => requests.length >= 4)).toBe(true);
    await expect.poll(() => log.published().checkpoint).not.toEqual(first);
    expect(await cosigners(log)).toEqual(["a", "b", "c"]);
    expect(log.published().treeSize).toBe(1);
  });

  it("restarts with the checkpoint as it was, and knows from it how far each witness is", async () => {
    const stubs = await three();
    const disks = emptyDisks();
    const log = await openWith(stubs, { disks });
    await log.addBatch([entry(0), entry(1), entry(2)]);
    await published(log, 2);
    await expect.poll(() => cosigners(log)).toHaveLength(3);
    const { checkpoint } = log.published();
    await log.close();
    for (const { requests, statuses } of stubs) {
      requests.length = 0;
      statuses.length = 0;
    }
    await using again = await openWith(stubs, { disks });
    expect(again.published().checkpoint).toEqual(checkpoint);
    // The opening asked each whether it knows more than that.
    expect(stubs.flatMap(({ requests }) => requests.splice(0))).toHaveLength(3);
    await again.add(entry(3));
    await published(again, 3);
    expect(stubs.flatMap(({ requests }) => requests.map(({ oldSize }) => oldSize))).toEqual([3, 3, 3]);
    expect(stubs.flatMap(({ statuses }) => statuses)).not.toContain(409);
  });

  it("asks a witness whose size it does not know with 0, and then with the size it answers", async () => {
    const stubs = await three();
    const disks = emptyDisks();
    const alone = await openWith(stubs, { disks });
    await alone.addBatch([entry(0), entry(1), entry(2)]);
    await published(alone, 2);
    await alone.close();
    const plain = await openOn(disks);
    await plain.add(entry(3));
    await plain.close();
    for (const { requests } of stubs) requests.length = 0;
    await using log = await openWith(stubs, { disks });
    await expect.poll(() => cosigners(log)).toEqual(["a", "b", "c"]);
    // First whether it knows more than was published.
    expect(stubs[0].requests.map(({ oldSize }) => oldSize)).toEqual([4, 0, 3]);
    expect(log.published().treeSize).toBe(4);
  });

  it("asks one witness with two keys once, and counts it under both names", async () => {
    const stub = await stubWitness("a", { isPostQuantum: true });
    await using log = await openWith([stub], { quorum: "group q all a a-pq\nquorum q" });
    await log.add(entry(0));
    await published(log, 0);
    expect(await cosigners(log)).toEqual(["a", "a-pq"]);
    expect(stub.requests.filter(({ oldSize }) => oldSize === 0).length).toBeLessThanOrEqual(2);
  });

  it("leaves a witness alone as long as it asks for, and no other", async () => {
    const stubs = await three();
    await using log = await openWith(stubs);
    await begin(log);
    stubs[2].answer = () => new Response("", { status: 429, headers: { "Retry-After": "3600" } });
    for (let index = 1; index <= 5; index += 1) {
      await log.add(entry(index));
      await published(log, index);
    }
    expect(stubs[2].requests).toHaveLength(2);
    expect(stubs[0].requests).toHaveLength(6);
    expect(log.witnessing()?.witnesses[2]).toMatchObject({
      isFailing: true,
      lastFailure: { code: "REMOTE_REFUSED" },
    });
  });

  it("closes in bounded time while witnesses hang, and gives their requests up", async () => {
    const stubs = await three();
    const given: string[] = [];
    await using log = await openWith(stubs, { timeoutMs: 60_000 });
    await begin(log);
    for (const stub of stubs) {
      stub.answer = ({ signal }) => hang({ signal }).finally(() => given.push(stub.name));
    }
    await log.add(entry(1));
    const refused = expectCodeAsync(
      log.untilPublished(1, { signal: AbortSignal.timeout(5000) }),
      "LOG_CLOSING",
    );
    await log.close();
    await refused;
    await expect.poll(() => given.sort()).toEqual(["a", "b", "c"]);
  });
});

const HUGE = 2 ** 53 - 1;

describe("a witness that lies or fails delays nobody, and counts for nothing", () => {
  const other = stubWitness("x");
  const LIARS: readonly (readonly [string, string, NonNullable<StubWitness["answer"]>])[] = [
    [
      "claims a size this log never had",
      "SIZE_CONFLICT",
      () => respond(409, `${HUGE}\n`, "text/x.tlog.size"),
    ],
    ["claims a size above 2^53", "REMOTE_MALFORMED", () => respond(409, `${HUGE}0\n`, "text/x.tlog.size")],
    ["claims no size", "REMOTE_MALFORMED", () => respond(409, "", "text/x.tlog.size")],
    [
      "disagrees for ever",
      "SIZE_CONFLICT",
      ({ request }) => respond(409, `${request.oldSize === 0 ? 1 : 0}\n`, "text/x.tlog.size"),
    ],
    [
      "wants the size it was asked with",
      "SIZE_CONFLICT",
      ({ request }) => respond(409, `${request.oldSize}\n`, "text/x.tlog.size"),
    ],
    ["answers 409 as version 1.0.0 does", "ROOT_MISMATCH", () => respond(409, "1\n")],
    ["knows another tree", "ROOT_MISMATCH", () => respond(422)],
    ["refuses", "REMOTE_REFUSED", () => respond(403)],
    ["fails", "REMOTE_REFUSED", () => respond(500)],
    [
      "sends elsewhere",
      "REMOTE_REFUSED",
      () => new Response("", { status: 307, headers: { Location: "http://x/" } }),
    ],
    [
      "answers with 10 MiB",
      "REMOTE_TOO_LARGE",
      () => respond(200, new Uint8Array(10 * 1024 * 1024).fill(97)),
    ],
    ["answers with nothing", "REMOTE_MALFORMED", () => respond(200)],
    ["answers with what is no signature line", "REMOTE_MALFORMED", () => respond(200, "hello\n")],
    [
      "answers with another witness's line",
      "SIGNATURE_MISSING",
      async ({ request }) => {
        const stub = await other;
        return await stub.fetch("", bodyOf(request));
      },
    ],
    [
      "answers with a signature of something else",
      "SIGNATURE_INVALID",
      async () => respond(200, await wrongLine()),
    ],
    ["is not there", "REMOTE_UNREACHABLE", () => Promise.reject(new TypeError("fetch failed"))],
    ["never answers", "REMOTE_TIMEOUT", hang],
  ];

  it.each(LIARS)("%s: %s", async (_name, code, answer) => {
    const stubs = await three();
    const told = listener();
    stubs[2].answer = answer;
    const backoff = { firstDelayMs: 2, maxDelayMs: 60_000 };
    const timeoutMs = code === "REMOTE_TIMEOUT" ? 40 : 5000;
    await using log = await openWith(stubs, { told, timeoutMs, backoff });
    await log.addBatch([entry(0), entry(1)]);
    await published(log, 1);
    expect(await cosigners(log)).toEqual(["a", "b"]);
    await expect.poll(() => told.witness).toContain(`c ${code}`);
    expect(told.quorum).toEqual([]);
    expect(stubs[2].requests.length).toBeLessThanOrEqual(3);
    expect(log.witnessing()?.witnesses[2]).toMatchObject({ isFailing: true, lastFailure: { code } });
  });

  it("accepts a time far from its own clock, and says so once", async () => {
    const stubs = await three();
    const told = listener();
    stubs[0].clock = () => 1_000_000_000;
    await using log = await openWith(stubs, { told, quorum: "quorum a" });
    await log.add(entry(0));
    await published(log, 0);
    await log.add(entry(1));
    await published(log, 1);
    expect(told.warnings).toEqual(["WITNESS_CLOCK_OFF"]);
  });

  function bodyOf(request: Parameters<NonNullable<StubWitness["answer"]>>[0]["request"]) {
    return {
      method: "POST",
      headers: {},
      body: new Uint8Array(addCheckpointBody(request)),
      redirect: "manual" as const,
      signal: new AbortController().signal,
    };
  }

  async function wrongLine(): Promise<string> {
    const [line = ""] = (await stubWitness("c")).policyLines;
    const key = parseVerifierKey(line.split(" ")[2] ?? "");
    const payload = encodeTimestampedSignature({
      timestampSeconds: 1,
      signature: new Uint8Array(64).fill(1),
    });
    return `${noteSignature(key, payload).line}\n`;
  }
});

describe("a policy this log could never meet", () => {
  const otherLog = testSigner(3, "example.org/other");

  it.each([
    [
      "without the log's key",
      async (lines: readonly string[]) =>
        `log ${formatVerifierKey((await otherLog).verifierKey)}\n${lines.join("\n")}\nquorum a\n`,
    ],
    [
      "whose quorum has no URL",
      async (lines: readonly string[]) =>
        `log ${vkey}\n${lines.map((line) => line.replace(/ http.*/, "")).join("\n")}\nquorum a\n`,
    ],
    [
      "with a URL nobody can ask",
      async (lines: readonly string[]) =>
        `log ${vkey}\n${lines.map((line) => line.replace(/ http.*/, " ftp://a/")).join("\n")}\nquorum a\n`,
    ],
  ])("is refused before anything is written: %s", async (_name, text) => {
    const stub = await stubWitness("a");
    const disks = emptyDisks();
    const policy = parsePolicy(await text(stub.policyLines));
    const witnesses = { ...witnessed(vkey, [stub], { quorum: "quorum a" }), policy };
    await expectCodeAsync(openOn(disks, { witnesses }), "ARGUMENT_INVALID");
    expect(disks).toMatchObject({ guard: undefined, store: { lineage: undefined } });
  });

  it("warns of witnesses without a URL that the quorum can do without", async () => {
    const stubs = await three();
    const told = listener();
    const witnesses = witnessed(vkey, stubs);
    const [first, second, third] = witnesses.policy.witnesses;
    if (first === undefined || second === undefined || third === undefined)
      throw new TypeError("three witnesses");
    const { url: _url, ...unreachable } = third;
    const policy = { ...witnesses.policy, witnesses: [first, second, unreachable] };
    await using log = await openOn(emptyDisks(), {
      witnesses: { ...witnesses, policy },
      events: told.events,
    });
    await log.add(entry(0));
    await published(log, 0);
    expect(told.warnings).toEqual(["WITNESS_WITHOUT_URL"]);
    expect(stubs[2].requests).toEqual([]);
  });
});
