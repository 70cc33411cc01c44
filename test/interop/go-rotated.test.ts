import { describe, expect, it } from "vitest";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { emptyDisks, entry, openOn, published, testSigner } from "../log/harness.ts";
import { goCheckpointOpener, hasGo } from "./go-programs.ts";

describe.skipIf(!hasGo("go-cosigned"))("a checkpoint that the former and the new key of a log signed", () => {
  it("is taken by transparency-dev/formats with either key, and with no other", async () => {
    const open = await goCheckpointOpener();
    const [former, next, stranger] = [await testSigner(), await testSigner(21), await testSigner(22)];
    const disks = emptyDisks();
    const log = await openOn(disks);
    await log.add(entry(0));
    await published(log, 0);
    await log.close();
    await using changed = await openOn(disks, { keyChange: { atSeconds: 1_795_320_000, signers: [next] } });
    await changed.add(entry(1));
    await published(changed, 1);
    const { checkpoint } = changed.published();
    for (const { verifierKey } of [former, next])
      expect((await open(checkpoint, formatVerifierKey(verifierKey), [])).treeSize).toBe(2);
    await expect(open(checkpoint, formatVerifierKey(stranger.verifierKey), [])).rejects.toThrow();
  });
});
