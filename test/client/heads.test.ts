import { describe, expect, test } from "vitest";
import { memoryCheckpoints } from "../../client/checkpoint-memory.ts";
import { LogForkedError } from "../../client/errors.ts";
import type { FetchFunction } from "../../client/fetcher.ts";
import { memoryTiles } from "../../client/tile-cache.ts";
import { verifyConsistency } from "../../src/merkle/consistency.ts";
import { openCheckpoint, parseCheckpoint, signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  openSigner,
  parseVerifierKey,
} from "../../src/tlog/key.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";
import { clientOf } from "./client-of.ts";
import { numbered, openFakeLog } from "./fake-log.ts";

const evil = (count: number) => numbered(count).with(1, new TextEncoder().encode("evil"));

describe("a checkpoint", () => {
  test("is verified and remembered, and the next one must continue it", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const checkpoints = memoryCheckpoints();
    const client = clientOf(log, { checkpoints });
    expect(await client.checkpoint()).toMatchObject({ origin: log.origin, treeSize: 3, progress: "first" });
    expect((await client.checkpoint()).progress).toBe("same");
    log.entries.push(...numbered(500, 3));
    const shown = await log.publish();
    expect(await client.checkpoint()).toMatchObject({ treeSize: 503, progress: "grew", signedNote: shown });
    expect(await checkpoints.load(log.origin)).toEqual(shown);
    expect((await clientOf(log, { checkpoints }).checkpoint()).progress).toBe("same");
  });

  test("of size 0 is a beginning like any other", async () => {
    const log = await openFakeLog();
    const client = clientOf(log);
    expect(await client.checkpoint()).toMatchObject({ treeSize: 0, progress: "first" });
    log.entries.push(...numbered(2));
    await log.publish();
    expect((await client.checkpoint()).progress).toBe("grew");
  });

  test("of another origin, by another key, unsigned or damaged is refused, and nothing is remembered", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const other = await openFakeLog({ origin: "other.example", entries: numbered(3) });
    const impostor = await openFakeLog({ seed: 2, entries: numbered(3) });
    const good = await log.publish();
    const cases = [
      [await other.publish(), "ORIGIN_MISMATCH"],
      [await impostor.publish(), "SIGNATURE_MISSING"],
      [good.slice(0, -40), "NOTE_MALFORMED"],
      [good.with(log.origin.length + 1, 0x34), "SIGNATURE_INVALID"], // size 3 becomes 4
      [good.with(log.origin.length + 2, 0x0d), "NOTE_MALFORMED"],
      [new Uint8Array(128 * 1024 + 1), "REMOTE_TOO_LARGE"],
      [new Uint8Array(0), "NOTE_MALFORMED"],
    ] as const;
    for (const [body, code] of cases) {
      const checkpoints = memoryCheckpoints();
      log.intercept = (path) => (path === "checkpoint" ? new Response(new Uint8Array(body)) : undefined);
      await expectCodeAsync(clientOf(log, { checkpoints }).checkpoint(), code);
      expect(await checkpoints.load(log.origin)).toBeUndefined();
    }
  });

  test("of a log that was made anew under a name seen before says where the old one is remembered", async () => {
    const checkpoints = { ...memoryCheckpoints(), adviceOn: (origin: string) => `; remove ${origin}` };
    await clientOf(await openFakeLog({ entries: numbered(3) }), { checkpoints }).checkpoint();
    const anew = clientOf(await openFakeLog({ seed: 2, entries: numbered(1) }), { checkpoints }).checkpoint();
    await expect(anew).rejects.toMatchObject({
      code: "SIGNATURE_MISSING",
      message: expect.stringMatching(/remembered checkpoint of (.+): .*; remove \1$/),
    });
  });

  test("of a size beyond 2^53 is refused by name", async () => {
    const log = await openFakeLog();
    const text = `${log.origin}\n9007199254740993\n${"A".repeat(43)}=\n`;
    const payload = await log.signer.sign(new TextEncoder().encode(text));
    const { noteSignature, formatNote } = await import("../../src/tlog/note.ts");
    const note = formatNote({
      text: new TextEncoder().encode(text),
      signatures: [noteSignature(log.signer.verifierKey, payload)],
    });
    log.intercept = () => new Response(new Uint8Array(note));
    await expectCodeAsync(clientOf(log).checkpoint(), "NUMBER_TOO_LARGE");
  });
});

describe("a fork", () => {
  async function forkAt(sizes: { readonly remembered: number; readonly shown: number }) {
    const honest = await openFakeLog({ entries: numbered(sizes.remembered) });
    const forked = await openFakeLog({ entries: evil(sizes.shown) });
    const checkpoints = memoryCheckpoints();
    const client = clientOf(honest, { checkpoints, cache: memoryTiles() });
    await client.checkpoint();
    honest.intercept = (path, init) => forked.fetch(`${honest.url}/${path}`, init);
    return { honest, forked, checkpoints, client };
  }

  test.each([
    { remembered: 300, shown: 700 },
    { remembered: 700, shown: 300 },
    { remembered: 300, shown: 300 },
    { remembered: 2, shown: 3 },
  ])("shows as LOG_FORKED, with evidence, and changes nothing remembered: %o", async (sizes) => {
    const { honest, forked, checkpoints, client } = await forkAt(sizes);
    if (sizes.shown < sizes.remembered) {
      // A smaller head is proven in the larger tree, which the honest half of the log still serves.
      honest.intercept = (path) =>
        path === "checkpoint"
          ? forked.publish().then((note) => new Response(new Uint8Array(note)))
          : undefined;
    }
    const before = await checkpoints.load(honest.origin);
    const error = await expectCodeAsync(client.checkpoint(), "LOG_FORKED");
    expect(await checkpoints.load(honest.origin)).toEqual(before);
    if (!(error instanceof LogForkedError)) return expect.unreachable("want a LogForkedError");
    expect(error.heads.remembered).toEqual(before);
    await assertEvidence(error, honest.vkey);
    await expectCodeAsync(client.checkpoint(), "LOG_FORKED");
  });

  test("between what two processes remembered is found by the next one", async () => {
    const { honest, checkpoints, client } = await forkAt({ remembered: 300, shown: 700 });
    honest.intercept = () => undefined;
    const forked = await openFakeLog({ entries: evil(400) });
    await checkpoints.save(honest.origin, await forked.publish(), await checkpoints.load(honest.origin));
    // The log cannot prove its smaller head in a tree it does not have.
    await expectCodeAsync(client.checkpoint(), "REMOTE_REFUSED");
    honest.entries.push(...numbered(300, 300));
    await honest.publish();
    await expectCodeAsync(client.checkpoint(), "LOG_FORKED");
  });

  test("shown to two clients of one memory at the same moment is found by the slower one", async () => {
    const honest = await openFakeLog({ entries: numbered(200) });
    const forked = await openFakeLog({ entries: evil(300) });
    const checkpoints = memoryCheckpoints();
    const before = clientOf(honest, { checkpoints });
    await honest.publish(1);
    await before.checkpoint();
    await honest.publish();
    let hasOvertaken = false;
    const fetch: FetchFunction = async (url, init) => {
      if (url.includes("/tile/") && !hasOvertaken) {
        hasOvertaken = true;
        await clientOf(forked, { checkpoints }).checkpoint();
      }
      const response = await honest.fetch(url, init);
      return response.ok ? response : forked.fetch(url, init);
    };
    await expectCodeAsync(clientOf(honest, { checkpoints, fetch }).checkpoint(), "LOG_FORKED");
    expect(await checkpoints.load(honest.origin)).toEqual(await forked.publish());
  });

  test("hidden behind tiles of neither tree is refused all the same, without evidence", async () => {
    const { honest, forked, client, checkpoints } = await forkAt({ remembered: 300, shown: 700 });
    const before = await checkpoints.load(honest.origin);
    honest.intercept = (path, init) => {
      if (path.startsWith("tile/"))
        return new Response(
          new Uint8Array(path.includes(".p/188") ? 188 * 32 : path.includes(".p/2") ? 64 : 8192),
        );
      return forked.fetch(`${honest.url}/${path}`, init);
    };
    await expectCodeAsync(client.checkpoint(), "ROOT_MISMATCH");
    expect(await checkpoints.load(honest.origin)).toEqual(before);
  });
});

/** What a stranger would check: two valid signatures, and two histories. */
async function assertEvidence(error: LogForkedError, vkey: string): Promise<void> {
  const logKeys = [parseVerifierKey(vkey)];
  const verdict = await verifyForkEvidence({ evidence: error.evidence ?? "", logKeys });
  expect(verdict.accused).toEqual({ role: "log", name: error.heads.origin });
  const heads = [error.heads.remembered, error.heads.shown].map((signedNote) =>
    openCheckpoint({ signedNote, logKeys }),
  );
  const [older, newer] = (await Promise.all(heads)).sort((a, b) => a.treeSize - b.treeSize);
  if (older === undefined || newer === undefined) return expect.unreachable("want two heads");
  if (older.treeSize === newer.treeSize) return expect(older.rootHash).not.toEqual(newer.rootHash);
  const sizes = {
    fromSize: older.treeSize,
    toSize: newer.treeSize,
    toRoot: newer.rootHash,
    proof: error.heads.proof,
  };
  await expectCodeAsync(
    Promise.resolve().then(() => verifyConsistency({ ...sizes, fromRoot: older.rootHash })),
    "PROOF_INVALID",
  );
  // The proof does fit the larger head, from the root of the other history.
  const roots = [numbered, evil].map((entries) =>
    new ReferenceTree(entries(800).map(leafHashOf)).root(older.treeSize),
  );
  const fits = roots.filter((fromRoot) => {
    try {
      verifyConsistency({ ...sizes, fromRoot });
      return true;
    } catch {
      return false;
    }
  });
  expect(fits).toHaveLength(1);
}

describe("a rollback", () => {
  test("to an older head of the same history is told, and the newer one stays remembered", async () => {
    const log = await openFakeLog({ entries: numbered(700) });
    const checkpoints = memoryCheckpoints();
    const client = clientOf(log, { checkpoints });
    const newest = await client.checkpoint();
    const old = await log.publish(300);
    await log.publish();
    log.intercept = (path) => (path === "checkpoint" ? new Response(new Uint8Array(old)) : undefined);
    expect(await client.checkpoint()).toMatchObject({ treeSize: 300, progress: "behind" });
    expect(await checkpoints.load(log.origin)).toEqual(newest.signedNote);
    // What the client knows better it keeps using.
    expect((await client.entry(650)).entry).toEqual(log.entries[650]);
  });

  test("that lost the tiles of the newer head cannot be shown consistent, and is refused", async () => {
    const log = await openFakeLog({ entries: numbered(700) });
    const client = clientOf(log);
    await client.checkpoint();
    await log.publish(300);
    await expectCodeAsync(client.checkpoint(), "REMOTE_REFUSED");
  });
});

test("a caller that aborts does not wait for another's judgement", async () => {
  const log = await openFakeLog({ entries: numbered(3) });
  const checkpoints = { ...memoryCheckpoints(), load: () => new Promise<undefined>(() => {}) };
  const client = clientOf(log, { checkpoints });
  void client.checkpoint();
  const controller = new AbortController();
  const second = client.checkpoint({ signal: controller.signal });
  setImmediate(() => controller.abort());
  await expectCodeAsync(second, "ABORTED");
});

describe("the memory", () => {
  test("holding a checkpoint that is none of this log's is reported, not overwritten", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const other = await openFakeLog({ origin: "other.example" });
    for (const [bytes, code] of [
      [await other.publish(), "ORIGIN_MISMATCH"],
      [new Uint8Array(5), "NOTE_MALFORMED"],
    ] as const) {
      const checkpoints = memoryCheckpoints();
      await checkpoints.save(log.origin, bytes, undefined);
      const error = await expectCodeAsync(clientOf(log, { checkpoints }).checkpoint(), code);
      expect(error.message).toContain("remembered");
      expect(await checkpoints.load(log.origin)).toEqual(bytes);
    }
  });

  test("is asked under the log's origin, and failing it fails the checkpoint", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const broken = { load: async () => undefined, save: () => Promise.reject(new RangeError("disk")) };
    await expect(clientOf(log, { checkpoints: broken }).checkpoint()).rejects.toThrow(RangeError);
  });

  test("never goes back when many checkpoints arrive at once", async () => {
    const log = await openFakeLog({ entries: numbered(600) });
    const notes = await Promise.all([100, 600, 1, 300, 599, 256].map((size) => log.publish(size)));
    await log.publish();
    const checkpoints = memoryCheckpoints();
    const client = clientOf(log, { checkpoints });
    let turn = 0;
    log.intercept = (path) =>
      path === "checkpoint" ? new Response(new Uint8Array(notes[turn++ % 6]!)) : undefined;
    const heads = await Promise.all(notes.map(() => client.checkpoint()));
    expect(heads.map((head) => head.treeSize).sort((a, b) => a - b)).toEqual([1, 100, 256, 300, 599, 600]);
    const remembered = await checkpoints.load(log.origin);
    const { text } = parseNote(remembered!);
    expect(parseCheckpoint(new TextDecoder().decode(text)).treeSize).toBe(600);
  });

  test("holds the log to a head that met another policy too", async () => {
    const key = await generateSigningKey({ name: "witness.example", seed: new Uint8Array(32).fill(9) });
    const witness = await openSigner(formatSigningKey(key), { type: 4, timestampSeconds: () => 5 });
    const log = await openFakeLog({ entries: numbered(30), signers: [witness] });
    const checkpoints = memoryCheckpoints();
    const rootHash = new ReferenceTree(evil(20).map(leafHashOf)).root(20);
    const forked = { origin: log.origin, treeSize: 20, rootHash, extensions: [] };
    await checkpoints.save(log.origin, await signCheckpoint(forked, [log.signer]), undefined);
    const policy = `log ${log.vkey}\nwitness w ${formatVerifierKey(witness.verifierKey)}\nquorum w\n`;
    await expectCodeAsync(clientOf(log, { checkpoints, policy, vkey: undefined }).checkpoint(), "LOG_FORKED");
  });
});
