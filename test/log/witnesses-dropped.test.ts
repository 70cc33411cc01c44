import { expect, it } from "vitest";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { emptyDisks, entry, openOn, published, testSigner } from "./harness.ts";
import { respond, stubWitness, witnessed } from "./stub-witness.ts";

const vkey = formatVerifierKey((await testSigner()).verifierKey);

/** Opens the log without witnesses. @returns the codes of its warnings. */
async function warningsOf(disks: ReturnType<typeof emptyDisks>): Promise<readonly string[]> {
  const told: string[] = [];
  const log = await openOn(disks, { events: { warning: ({ code }) => told.push(code) } });
  await log.close();
  return told;
}

it("a log whose checkpoint was cosigned warns when it starts without witnesses, and no other log does", async () => {
  const disks = emptyDisks();
  const stubs = [await stubWitness("a"), await stubWitness("b")];
  const first = await openOn(disks, { witnesses: witnessed(vkey, stubs) });
  await first.add(entry(0));
  await published(first, 0);
  await first.close();
  expect(await warningsOf(disks)).toEqual(["WITNESSES_DROPPED"]);

  const unwitnessed = emptyDisks();
  expect(await warningsOf(unwitnessed)).toEqual([]);
  expect(await warningsOf(unwitnessed)).toEqual([]);
});

it("also when what was signed last found no quorum", async () => {
  const disks = emptyDisks();
  const stub = await stubWitness("a");
  const first = await openOn(disks, { witnesses: witnessed(vkey, [stub], { quorum: "quorum a" }) });
  await first.add(entry(0));
  await published(first, 0);
  stub.answer = () => Promise.resolve(respond(503));
  await first.add(entry(1));
  await first.close();
  expect(disks.store.head).toMatchObject({ signed: { treeSize: 2 }, published: { treeSize: 1 } });
  expect(await warningsOf(disks)).toEqual(["WITNESSES_DROPPED"]);
});
