import { describe, expect, test } from "vitest";
import { verifyConsistency } from "../../src/merkle/consistency.ts";
import { verifyInclusion } from "../../src/merkle/inclusion.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";
import { clientOf } from "./client-of.ts";
import { numbered, openFakeLog } from "./fake-log.ts";

describe("proofs", () => {
  test("are made from tiles for any size up to the head's, and verify", async () => {
    const log = await openFakeLog({ entries: numbered(700), tilesOnly: true });
    const client = clientOf(log);
    for (const [leafIndex, treeSize] of [
      [0, 1],
      [3, 7],
      [255, 256],
      [300, 512],
      [699, 700],
    ] as const) {
      const proof = await client.inclusion({ leafIndex, treeSize });
      verifyInclusion(proof);
      expect(proof).toMatchObject({ leafIndex, treeSize });
    }
    expect((await client.inclusion({ leafIndex: 5 })).treeSize).toBe(700);
    for (const [fromSize, toSize] of [
      [0, 0],
      [0, 9],
      [1, 700],
      [256, 512],
      [300, 301],
      [700, 700],
    ] as const) {
      verifyConsistency(await client.consistency({ fromSize, toSize }));
    }
  });

  test("of consistency name the head they were read under", async () => {
    const log = await openFakeLog({ entries: numbered(700) });
    const { head, fromRoot, toRoot } = await clientOf(log).consistency({ fromSize: 3, toSize: 300 });
    expect(head).toMatchObject({ treeSize: 700, signedNote: await log.publish() });
    const tree = new ReferenceTree(log.entries.map(leafHashOf));
    expect([fromRoot, toRoot]).toEqual([tree.root(3), tree.root(300)]);
  });

  test("are refused beyond the tree", async () => {
    const client = clientOf(await openFakeLog({ entries: numbered(5) }));
    await expectCodeAsync(client.inclusion({ leafIndex: 5 }), "NOT_PUBLISHED");
    await expectCodeAsync(client.inclusion({ leafIndex: 3, treeSize: 3 }), "ARGUMENT_INVALID");
    await expectCodeAsync(client.consistency({ fromSize: 2, toSize: 6 }), "NOT_PUBLISHED");
    await expectCodeAsync(client.consistency({ fromSize: 3, toSize: 2 }), "ARGUMENT_INVALID");
    await expectCodeAsync(client.inclusion({ leafIndex: 2 ** 53 }), "ARGUMENT_INVALID");
  });
});
