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
