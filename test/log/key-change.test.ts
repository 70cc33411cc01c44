import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { keyLabel } from "../../src/tlog/key.ts";
import { keysAt } from "../../src/tlog/key-history.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { type Disks, emptyDisks, entry, openOn, published, testSigner } from "./harness.ts";

const [first, second, stranger] = [await testSigner(), await testSigner(21), await testSigner(22)];
const CHANGE = { atSeconds: 1_795_320_000, signers: [second] };

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

  it("does not start with the old key alone or before the new one, nor with a stranger's", async () => {
    const disks = await rotated();
    for (const signers of [[first], [first, second]])
      await expectCodeAsync(openOn(disks, { signers }), "KEY_RETIRED");
    await expectCodeAsync(openOn(disks, { signers: [stranger] }), "STORE_ORIGIN_MISMATCH");
    await (await openOn(disks, { signers: [second] })).close();
  });
});
