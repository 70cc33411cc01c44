import { describe, expect, test } from "vitest";
import { memoryCheckpoints } from "../../client/checkpoint-memory.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { clientOf } from "./client-of.ts";
import { numbered, openFakeLog } from "./fake-log.ts";

async function openWitness() {
  const key = await generateSigningKey({ name: "witness.example", seed: new Uint8Array(32).fill(9) });
  return await openSigner(formatSigningKey(key), {
    type: 4,
    timestampSeconds: () => 1_700_000_000,
  });
}

describe("a checkpoint", () => {
  test("needs the policy's quorum", async () => {
    const witness = await openWitness();
    const cosigned = await openFakeLog({ entries: numbered(2), signers: [witness] });
    const alone = await openFakeLog({ entries: numbered(2) });
    const policy = `log ${alone.vkey}\nwitness w ${formatVerifierKey(witness.verifierKey)}\nquorum w\n`;
    const trusting = { policy, vkey: undefined } as const;
    expect((await clientOf(cosigned, trusting).checkpoint()).cosignatures).toMatchObject([
      { name: "w", timestampSeconds: 1_700_000_000 },
    ]);
    await expectCodeAsync(clientOf(alone, trusting).checkpoint(), "QUORUM_NOT_MET");
    // Its log shows the empty tree to no witness, and is not to be stuck there for it.
    const empty = await openFakeLog();
    expect(await clientOf(empty, trusting).checkpoint()).toMatchObject({ treeSize: 0, cosignatures: [] });
    const elsewhere = await openFakeLog({ seed: 2 });
    await expectCodeAsync(clientOf(elsewhere, trusting).checkpoint(), "SIGNATURE_MISSING");
  });

  test("of the empty tree needs the quorum too once entries are remembered, and none before", async () => {
    const witness = await openWitness();
    const empty = await (await openFakeLog()).publish();
    const cosignedEmpty = await (await openFakeLog({ signers: [witness] })).publish();
    const log = await openFakeLog({ signers: [witness] });
    const policy = `log ${log.vkey}\nwitness w ${formatVerifierKey(witness.verifierKey)}\nquorum w\n`;
    const checkpoints = memoryCheckpoints();
    const client = clientOf(log, { policy, vkey: undefined, checkpoints });
    const restarted = clientOf(log, { policy, vkey: undefined, checkpoints });
    const show = (note: Uint8Array) => {
      log.intercept = (path) => (path === "checkpoint" ? new Response(new Uint8Array(note)) : undefined);
    };
    show(empty);
    expect((await client.checkpoint()).progress).toBe("first");
    expect((await restarted.checkpoint()).progress).toBe("same");
    log.intercept = () => undefined;
    log.entries.push(...numbered(5));
    const grown = await log.publish();
    expect(await client.checkpoint()).toMatchObject({ treeSize: 5, progress: "grew" });
    show(empty);
    await expectCodeAsync(client.checkpoint(), "QUORUM_NOT_MET");
    await expectCodeAsync(restarted.checkpoint(), "QUORUM_NOT_MET");
    show(cosignedEmpty);
    expect(await client.checkpoint()).toMatchObject({ treeSize: 0, progress: "behind" });
    expect(await checkpoints.load(log.origin)).toEqual(grown);
  });
});
