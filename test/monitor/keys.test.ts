import { describe, expect, it } from "vitest";
import { parseCheckpoint, signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { decodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatVerifierKey, type NoteSigner } from "../../src/tlog/key.ts";
import { formatKeyHistory } from "../../src/tlog/key-history.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { type FakeLog, numbered, openFakeLog } from "../client/fake-log.ts";
import { changedTo, logKey } from "../tlog/key-changes.ts";
import { lookOnce, network, nothingKept, watched } from "./harness.ts";

/** Shows what it has, signed by these. */
async function signedBy(log: FakeLog, signers: readonly NoteSigner[]): Promise<Response> {
  const checkpoint = parseCheckpoint(decodeUtf8(parseNote(await log.publish()).text));
  return new Response(Uint8Array.from(await signCheckpoint(checkpoint, signers)));
}

describe("a log that changes its keys", () => {
  it("is followed to the new one, which is told once; its mirror is believed by it, and the old one alone no more", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const at = parseCheckpoint(decodeUtf8(parseNote(await log.publish()).text));
    const { origin } = log;
    const [first, second] = await Promise.all([logKey(1, { name: origin }), logKey(12, { name: origin })]);
    const oldKeys = [{ ...first, signer: log.signer }];
    const history = await changedTo([second], { ...at, oldKeys, history: undefined });
    let signers: readonly NoteSigner[] = [log.signer];
    log.intercept = (path) => {
      if (path === "checkpoint") return signedBy(log, signers);
      const body = Uint8Array.from(formatKeyHistory(history));
      return path === "key-history"
        ? new Response(signers[0] === log.signer ? null : body, {
            status: signers[0] === log.signer ? 404 : 200,
          })
        : undefined;
    };
    const places = [{ name: "mirror", url: "https://mirror.example/test", role: "mirror" as const }];
    const fetch = network({ "log.example": log, "mirror.example": log });
    const kept = nothingKept();
    const look = () =>
      lookOnce([watched(log, { places, patience: { badHeadMs: 0, placeMs: 0 } })], kept, { fetch });
    expect((await look()).told).toEqual([]);
    log.entries.push(...numbered(2, 3));
    signers = [second.signer];
    const changed = await look();
    expect(changed.told).toMatchObject([{ kind: "keys-changed" }]);
    expect(changed.words[0]).toContain(formatVerifierKey(second.signer.verifierKey));
    expect(changed.status.logs).toMatchObject([
      { readSize: 5, alarms: [], places: [{ verdict: "consistent" }] },
    ]);
    expect((await look()).told).toEqual([]);
    log.entries.push(...numbered(2, 5));
    signers = [log.signer];
    const old = await look();
    expect(old.told).toMatchObject([{ kind: "bad-checkpoint" }]);
    expect(old.status.logs).toMatchObject([{ treeSize: 5 }]);
  });
});
