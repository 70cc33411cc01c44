import { describe, expect, test } from "vitest";
import { memoryCheckpoints } from "../../client/checkpoint-memory.ts";
import type { KeysChanged } from "../../client/key-ring.ts";
import { parseCheckpoint, signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { decodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatVerifierKey, type NoteSigner } from "../../src/tlog/key.ts";
import { formatKeyHistory, type KeyHistory } from "../../src/tlog/key-history.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { changedTo, type LogKey, logKey } from "../tlog/key-changes.ts";
import { clientOf } from "./client-of.ts";
import { type FakeLog, numbered, openFakeLog } from "./fake-log.ts";

/** A log of three entries whose keys change then, and what it shows of that. */
async function rotated() {
  const log = await openFakeLog({ entries: numbered(3) });
  const [first, second, third, thief] = await Promise.all(
    [1, 12, 13, 66].map((number) => logKey(number, { name: log.origin })),
  );
  if (first === undefined || second === undefined || third === undefined || thief === undefined)
    throw new Error();
  const at = parseCheckpoint(decodeUtf8(parseNote(await log.publish()).text));
  const old: LogKey = { ...first, signer: log.signer };
  const to = (key: LogKey, history?: KeyHistory, from = old) =>
    changedTo([key], {
      oldKeys: [from],
      treeSize: at.treeSize,
      rootHash: at.rootHash,
      origin: log.origin,
      history,
    });
  let shown: KeyHistory | undefined;
  let signers: readonly NoteSigner[] = [log.signer];
  let asked = 0;
  log.intercept = (path) => {
    if (path === "checkpoint") return signedBy(log, signers);
    if (path !== "key-history") return undefined;
    asked += 1;
    return shown === undefined
      ? new Response(null, { status: 404 })
      : new Response(Uint8Array.from(formatKeyHistory(shown)));
  };
  const show = (history: KeyHistory | undefined, ...keys: readonly LogKey[]) => {
    shown = history;
    signers = keys.map(({ signer }) => signer);
  };
  const grow = async (count: number) => {
    log.entries.push(...numbered(count, log.entries.length));
    await log.publish();
  };
  return { log, old, second, third, thief, to, show, grow, asked: () => asked };
}

async function signedBy(log: FakeLog, signers: readonly NoteSigner[]): Promise<Response> {
  const { text } = parseNote(await log.publish());
  const checkpoint = parseCheckpoint(decodeUtf8(text));
  return new Response(Uint8Array.from(await signCheckpoint(checkpoint, signers)));
}

describe("a client that chose a log's first key", () => {
  test("is told when another one took its place, and follows it when the first signs no more", async () => {
    const { log, old, second, to, show, grow } = await rotated();
    const told: KeysChanged[] = [];
    const checkpoints = memoryCheckpoints();
    const client = clientOf(log, { checkpoints, onKeyChange: (change) => told.push(change) });
    await client.checkpoint();
    await grow(2);
    show(await to(second), second, old);
    expect(await client.checkpoint()).toMatchObject({ treeSize: 5, progress: "grew" });
    expect(told).toMatchObject([{ treeSize: 3, newKeys: [formatVerifierKey(second.signer.verifierKey)] }]);
    await grow(2);
    show(await to(second), second);
    expect((await client.checkpoint()).treeSize).toBe(7);
    expect((await clientOf(log, { checkpoints }).checkpoint()).progress).toBe("same");
    expect((await clientOf(log).checkpoint()).progress).toBe("first");
    expect(await client.entry(5)).toMatchObject({ leafIndex: 5 });
    expect(told).toHaveLength(1);
  });

  test("does not believe the first key alone any more, whatever is shown beside it", async () => {
    const { log, old, second, thief, to, show, grow } = await rotated();
    const checkpoints = memoryCheckpoints();
    await grow(1);
    show(await to(second), second, old);
    await clientOf(log, { checkpoints }).checkpoint();
    await grow(1);
    for (const history of [undefined, await to(second)]) {
      show(history, old);
      const error = await expectCodeAsync(clientOf(log, { checkpoints }).checkpoint(), "SIGNATURE_MISSING");
      expect(error.message).toContain("since size 3");
    }
    show(await to(thief), old, thief);
    await expectCodeAsync(clientOf(log, { checkpoints }).checkpoint(), "KEY_HISTORY_FORKED");
    show(await to(second), second);
    expect((await clientOf(log, { checkpoints }).checkpoint()).treeSize).toBe(5);
  });

  test("keeps what it knows where less is shown, and follows two changes at once", async () => {
    const { log, second, third, to, show, grow } = await rotated();
    const once = await to(second);
    const twice = await to(third, once, second);
    const checkpoints = memoryCheckpoints();
    await grow(1);
    show(twice, third);
    await clientOf(log, { checkpoints }).checkpoint();
    show(once, third);
    expect((await clientOf(log, { checkpoints }).checkpoint()).treeSize).toBe(4);
    show(once, second);
    await expectCodeAsync(clientOf(log, { checkpoints }).checkpoint(), "SIGNATURE_MISSING");
  });

  test("learns nothing of a change at a tree that is not this log's, or that its key did not sign", async () => {
    const { log, old, second, third, thief, show, grow } = await rotated();
    await grow(1);
    const elsewhere = await changedTo([second], { oldKeys: [old], treeSize: 3, origin: log.origin });
    show(elsewhere, second, old);
    const checkpoints = memoryCheckpoints();
    await expectCodeAsync(clientOf(log, { checkpoints }).checkpoint(), "KEY_HISTORY_INVALID");
    expect(await checkpoints.load(`${log.origin}\n`)).toBeUndefined();
    show(await changedTo([third], { oldKeys: [thief], treeSize: 3, origin: log.origin }), third);
    await expectCodeAsync(clientOf(log).checkpoint(), "SIGNATURE_MISSING");
  });

  test("asks once for a key it does not know, and goes on where there is no history", async () => {
    const { log, old, second, to, show, grow, asked } = await rotated();
    show(undefined, old, second);
    const client = clientOf(log);
    for (let look = 0; look < 3; look++) expect((await client.checkpoint()).treeSize).toBe(3);
    expect(asked()).toBe(1);
    show(undefined, old);
    await clientOf(log).checkpoint();
    expect(asked()).toBe(1);
    await grow(1);
    show(await to(second), second);
    expect((await client.checkpoint()).treeSize).toBe(4);
  });

  test("goes on with its own key's word where the history is not to be had, and asks again when that is missing", async () => {
    const { log, old, second, to, show, grow } = await rotated();
    await grow(1);
    const history = await to(second);
    const answer = log.intercept;
    let isAway = true;
    log.intercept = (path, init) => {
      if (path === "key-history" && isAway) throw new TypeError("fetch failed");
      return answer(path, init);
    };
    show(undefined, old, second);
    const client = clientOf(log);
    expect((await client.checkpoint()).treeSize).toBe(4);
    show(history, second);
    await expectCodeAsync(client.checkpoint(), "REMOTE_UNREACHABLE");
    isAway = false;
    show(undefined, old, second);
    expect((await client.checkpoint()).treeSize).toBe(4);
    show(history, second);
    expect((await client.checkpoint()).treeSize).toBe(4);
  });

  test("who chose both keys learns all the same that the first was replaced", async () => {
    const { log, old, second, to, show, grow } = await rotated();
    await grow(1);
    const checkpoints = memoryCheckpoints();
    const policy = `log ${log.vkey}\nlog ${formatVerifierKey(second.signer.verifierKey)}\nquorum none\n`;
    let now = 0;
    const client = clientOf(log, { checkpoints, policy, vkey: undefined, now: () => now });
    const history = await to(second);
    // A cache that does not have it yet.
    show(undefined, second, old);
    expect((await client.checkpoint()).treeSize).toBe(4);
    await grow(1);
    show(history, old);
    await expectCodeAsync(client.checkpoint(), "SIGNATURE_MISSING");
    show(history, second, old);
    now += 300_000;
    expect((await client.checkpoint()).treeSize).toBe(5);
    await grow(1);
    show(undefined, old);
    await expectCodeAsync(client.checkpoint(), "SIGNATURE_MISSING");
  });

  test("goes on from what the first key signed when it is told to choose the second, whether it had followed or not", async () => {
    const { log, old, second, to, show, grow } = await rotated();
    const vkey = formatVerifierKey(second.signer.verifierKey);
    for (const hasFollowed of [true, false]) {
      const checkpoints = memoryCheckpoints();
      show(undefined, old);
      await clientOf(log, { checkpoints }).checkpoint();
      show(await to(second), second);
      if (hasFollowed) await clientOf(log, { checkpoints }).checkpoint();
      expect((await clientOf(log, { checkpoints, vkey }).checkpoint()).progress).toBe("same");
      show(undefined, old);
      await expectCodeAsync(clientOf(log, { checkpoints, vkey }).checkpoint(), "SIGNATURE_MISSING");
    }
    const checkpoints = memoryCheckpoints();
    await clientOf(log, { checkpoints }).checkpoint();
    await grow(2);
    show(await to(second), second);
    expect((await clientOf(log, { checkpoints, vkey }).checkpoint()).progress).toBe("grew");
  });
});
