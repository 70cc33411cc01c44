import { expect, it } from "vitest";
import { openView } from "../../src/log/view.ts";
import { Withheld } from "../../src/log/withheld.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { emptyDisks, entry, ORIGIN, openOn, published } from "./harness.ts";

const SIZE = 700;

it("nothing is made of what was held of a tile that is withheld now, by the log and by its readers", async () => {
  const withheld = new Withheld();
  const disks = emptyDisks();
  const log = await openOn(disks, { scrub: { withheld, status: () => undefined } });
  await log.addBatch(Array.from({ length: SIZE }, (_, at) => entry(at)));
  await published(log, SIZE - 1);
  const { treeSize, checkpoint } = log.published();
  const head = { treeSize, checkpoint };
  const store = { ...openMemoryStore({ origin: ORIGIN, disk: disks.store }), published: () => head };
  for (const one of [log, openView({ store, origin: ORIGIN, vkeys: log.vkeys, withheld })]) {
    const asked = [
      () => one.receipt(5),
      () => one.proveInclusion({ leafIndex: 5, treeSize }),
      () => one.proveConsistency({ fromSize: 256, toSize: treeSize }),
    ];
    for (const ask of asked) await ask();
    withheld.replace([{ level: 1, from: 0, to: 1 }]);
    for (const ask of asked) await expectCodeAsync(ask(), "STORE_DAMAGED");
    withheld.replace([]);
    for (const ask of asked) await ask();
  }
  expect(log.state()).toEqual({ status: "writable" });
  await log.close();
});

it("a tile that was read wrong once is read again: receipts are right as soon as storage is", async () => {
  const disks = emptyDisks();
  const log = await openOn(disks);
  await log.addBatch(Array.from({ length: SIZE }, (_, at) => entry(at)));
  await published(log, SIZE - 1);
  const { treeSize, checkpoint } = log.published();
  const sound = openMemoryStore({ origin: ORIGIN, disk: disks.store });
  let wrong = 0; // how often storage is still to be read wrong
  const store = {
    ...sound,
    published: () => ({ treeSize, checkpoint }),
    async readTile(tile: Parameters<typeof sound.readTile>[0]) {
      const bytes = await sound.readTile(tile);
      if (wrong === 0 || tile.level !== 0 || tile.index !== 2) return bytes;
      wrong -= 1;
      return bytes?.map((byte, at) => (at === 9 ? byte ^ 1 : byte));
    },
  };
  const view = openView({ store, origin: ORIGIN, vkeys: log.vkeys, withheld: new Withheld() });
  wrong = Number.POSITIVE_INFINITY;
  await expectCodeAsync(view.receipt(5), "STORE_DAMAGED");
  wrong = 0;
  const receipt = await view.receipt(5);
  expect(receipt).toEqual(await log.receipt(5));
  const other = openView({ store, origin: ORIGIN, vkeys: log.vkeys, withheld: new Withheld() });
  wrong = 1;
  expect(await other.receipt(5)).toEqual(receipt);
  await log.close();
});
