import { expect, test } from "vitest";
import { nextMessage } from "../../src/webhooks/messages.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { entry, openTestLog, publishEntries } from "../http/test-log.ts";

test("webhooks are not told an entry that its receipt is not of, and are once it is right", async () => {
  const log = await openTestLog();
  await publishEntries(log, [entry(0), entry(1)]);
  let flip = 1;
  const told = {
    origin: log.origin,
    published: () => log.published(),
    receiptBytes: (leafIndex: number) => log.receiptBytes(leafIndex),
    readEntries: async (range: { readonly start: number; readonly end: number }) =>
      (await log.readEntries(range))?.map((byte, at) => (at === 5 ? byte ^ flip : byte)),
  };
  const next = () => nextMessage(told, { events: "entries", from: { treeSize: 0 }, now: () => 0 });
  await expectCodeAsync(next(), "STORE_DAMAGED");
  flip = 0;
  expect(await next()).toMatchObject({ place: { treeSize: 2 } });
  await log.close();
});
