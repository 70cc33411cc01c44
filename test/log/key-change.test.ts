import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { KEY_CHANGE, keyLabel, type NoteSigner } from "../../src/tlog/key.ts";
import { keysAt } from "../../src/tlog/key-history.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { logKey } from "../tlog/key-changes.ts";
import { copyOf, type Disks, emptyDisks, entry, ORIGIN, openOn, published, testSigner } from "./harness.ts";

const [first, second, stranger] = [await testSigner(), await testSigner(21), await testSigner(22)];
const CHANGE = { atSeconds: 1_795_320_000, signers: [second] };

async function pqSigner(number: number): Promise<NoteSigner> {
  return (await logKey(number, { name: ORIGIN, type: 0x06 })).signer;
}

async function rotated(): Promise<Disks> {
  const disks = emptyDisks();
  const log = await openOn(disks);
  await log.addBatch([entry(0), entry(1)]);
  await published(log, 1);
  await log.close();
  const changed = await openOn(disks, { keyChange: CHANGE });
  const lines = parseNote(changed.published().checkpoint).signatures.map(keyLabel);
  expect(lines).toEqual([second, first].map(({ verifierKey }) => keyLabel(verifierKey)));
  await changed.close();
  return disks;
}

describe("a log whose key was changed", () => {
  it("signs with both, then with the new one alone, and its history leads from the old key to it", async () => {
    const disks = await rotated();
    for (const signers of [[second, first], [second]]) {
      const log = await openOn(disks, { signers });
      const { leafIndex } = await log.add(entry(`of ${signers.length}`));
      await published(log, leafIndex);
      const { checkpoint: signedNote, treeSize } = log.published();
      const logKeys = keysAt(log.keyHistory, [first.verifierKey], treeSize);
      expect(logKeys.map(keyLabel)).toEqual([keyLabel(second.verifierKey)]);
      expect((await openCheckpoint({ signedNote, logKeys })).treeSize).toBe(treeSize);
      await log.close();
    }
  });

  it("does not start from a copy of before the change, with the old key or the new one: the guard has heard of it", async () => {
    const disks = emptyDisks();
    const log = await openOn(disks);
    await log.add(entry(0));
    await published(log, 0);
    await log.close();
    const before = copyOf(disks);
    await (await openOn(disks, { keyChange: CHANGE })).close();
    expect(disks.guard?.keys?.changes).toBe(1);
    const restored: Disks = { store: before.store, guard: disks.guard };
    for (const signers of [[first], [second], [second, first]])
      await expectCodeAsync(openOn(restored, { signers }), "GUARD_AHEAD");
    // Killed between the store's row and the guard.
    const ahead: Disks = {
      store: copyOf(disks).store,
      guard: disks.guard && { ...disks.guard, keys: undefined },
    };
    await (await openOn(ahead, { signers: [second] })).close();
    expect(ahead.guard?.keys).toEqual(disks.guard?.keys);
    await (await openOn(restored, { recreateGuard: true })).close();
  });

  it("does not start with the old key alone or before the new one, nor with a stranger's", async () => {
    const disks = await rotated();
    for (const signers of [[first], [first, second]])
      await expectCodeAsync(openOn(disks, { signers }), "KEY_RETIRED");
    await expectCodeAsync(openOn(disks, { signers: [stranger] }), "STORE_ORIGIN_MISMATCH");
    await expectCodeAsync(openOn(disks, { signers: [second, stranger] }), "STORE_ORIGIN_MISMATCH");
    await (await openOn(disks, { signers: [second] })).close();
  });

  it("does not start with another key where nothing was changed, as if it had been", async () => {
    const disks = emptyDisks();
    await (await openOn(disks)).close();
    for (const signers of [[second, first], [first, second], [second]])
      await expectCodeAsync(openOn(disks, { signers }), "STORE_ORIGIN_MISMATCH");
    await (await openOn(disks)).close();
  });

  it("changes its second key, which then is retired as the first one is, and changes nothing while one is missing", async () => {
    const disks = emptyDisks();
    const [pq, nextPq] = [await pqSigner(31), await pqSigner(32)];
    const log = await openOn(disks, { signers: [first, pq] });
    await log.add(entry(0));
    await published(log, 0);
    await log.close();
    await expectCodeAsync(openOn(disks, { keyChange: CHANGE }), "ARGUMENT_INVALID");
    const keyChange = { ...CHANGE, signers: [first, nextPq] };
    const changed = await openOn(disks, { signers: [first, pq], keyChange });
    const lines = parseNote(changed.published().checkpoint).signatures.map(keyLabel);
    expect(lines).toEqual([first, nextPq, pq].map(({ verifierKey }) => keyLabel(verifierKey)));
    const wordOf = (key: NoteSigner, size: number) => keysAt(changed.keyHistory, [key.verifierKey], size);
    expect(wordOf(pq, 2)).toEqual([nextPq.verifierKey]);
    expect(wordOf(first, 2)).toEqual([first.verifierKey]);
    await changed.close();
    await expectCodeAsync(openOn(disks, { signers: [first, pq] }), "KEY_RETIRED");
    const other = [first, await pqSigner(33)];
    await expectCodeAsync(openOn(disks, { signers: other }), "STORE_ORIGIN_MISMATCH");
    await (await openOn(disks, { signers: [first, nextPq] })).close();
  });

  it("takes a second key that its history lacks by a change alone, and one in place of another not without one", async () => {
    const disks = await rotated();
    const pq = await pqSigner(31);
    await expectCodeAsync(openOn(disks, { signers: [second, pq] }), "ARGUMENT_INVALID");
    const keyChange = { ...CHANGE, signers: [second, pq] };
    await (await openOn(disks, { signers: [second], keyChange })).close();
    await (await openOn(disks, { signers: [second, pq] })).close();
    const unchanged = emptyDisks();
    await expectCodeAsync(openOn(unchanged, { signers: [second, first] }), "ARGUMENT_INVALID");
    const log = await openOn(unchanged);
    await log.add(entry(0));
    await published(log, 0);
    await log.close();
    const both = await openOn(unchanged, { signers: [first, pq] });
    await both.add(entry(1));
    await published(both, 1);
    await both.close();
    const other = [first, await pqSigner(32)];
    await expectCodeAsync(openOn(unchanged, { signers: other }), "STORE_ORIGIN_MISMATCH");
    await (await openOn(unchanged)).close();
  });

  it("ends under its new key, and changes keys after its end: the tree and the mark stay", async () => {
    const disks = await rotated();
    const freeze = { atSeconds: CHANGE.atSeconds, successor: undefined };
    await (await openOn(disks, { signers: [second], freeze })).close();
    const keyChange = { ...CHANGE, signers: [stranger] };
    await using again = await openOn(disks, { signers: [second], keyChange });
    expect(again.keyHistory?.changes).toHaveLength(2);
    expect(again.end).toMatchObject({ treeSize: 2 });
    const logKeys = [stranger.verifierKey];
    const { extensions } = await openCheckpoint({ signedNote: again.published().checkpoint, logKeys });
    expect(extensions).toHaveLength(1);
  });

  it("that was killed once its change is kept shows a head of the old key, which is good for its size, and the next start signs it", async () => {
    const disks = emptyDisks();
    const log = await openOn(disks);
    await log.addBatch([entry(0), entry(1)]);
    await published(log, 1);
    await log.close();
    const killed: NoteSigner = {
      verifierKey: second.verifierKey,
      // Possession is shown in the change; then the process is gone.
      sign: (text) =>
        new TextDecoder().decode(text).startsWith(KEY_CHANGE)
          ? second.sign(text)
          : Promise.reject(new TlogError("SIGNER_FAILED", "gone")),
    };
    const dying = openOn(disks, { keyChange: { ...CHANGE, signers: [killed] } }).then((one) => one.close());
    await dying.catch(() => undefined);
    await expectCodeAsync(openOn(disks), "KEY_RETIRED");
    await using again = await openOn(disks, { signers: [second] });
    const labels = parseNote(again.published().checkpoint).signatures.map(keyLabel);
    expect(labels).toContain(keyLabel(second.verifierKey));
    expect(again.keyHistory?.changes).toHaveLength(1);
  });
});
