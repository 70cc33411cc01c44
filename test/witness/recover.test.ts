import { describe, expect, it } from "vitest";
import { formatNote, noteSignature, parseNote } from "../../src/tlog/note.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { findOwnSignatures, ownSignature } from "../../src/witness/recover.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { cosignerKey, known, START_SECONDS, testLog, testWitness, WITNESS } from "./harness.ts";
import { manualTime } from "./manual-time.ts";
import { body, cosigned, endless, hanging, network, showLog } from "./network.ts";

const LOG_URL = "https://log.example/v";
const PEER_URL = "https://peer.example/w";

async function ownKeys() {
  return [(await cosignerKey(WITNESS)).verifierKey, (await cosignerKey(WITNESS, 6)).verifierKey];
}

describe("the search for a witness's own signatures", () => {
  it("finds them at the logs and at other witnesses", async () => {
    const log = await testLog("log.example/v", { size: 100 });
    const net = network();
    const shown = await showLog(net, LOG_URL, log, 90);
    shown.note = await cosigned(shown.note, { name: WITNESS, timestampSeconds: START_SECONDS });
    const later = await cosigned(await log.note(95), { name: WITNESS, timestampSeconds: START_SECONDS + 9 });
    net.at(PEER_URL, (path) => body(path === `${originHash(log.origin)}/checkpoint` ? later : undefined));
    const { found, silent } = await findOwnSignatures({
      logs: [known(log, { urls: [LOG_URL] })],
      peers: [{ name: "peer", url: PEER_URL, keys: [] }],
      ownKeys: await ownKeys(),
      network: { fetch: net.fetch },
    });
    expect(silent).toEqual([]);
    expect([...found].sort((a, b) => a.treeSize - b.treeSize)).toEqual([
      {
        origin: log.origin,
        treeSize: 90,
        rootHash: log.root(90),
        timestampSeconds: START_SECONDS,
        signedNote: shown.note,
        source: `${LOG_URL}/checkpoint`,
      },
      {
        origin: log.origin,
        treeSize: 95,
        rootHash: log.root(95),
        timestampSeconds: START_SECONDS + 9,
        signedNote: later,
        source: `${PEER_URL}/${originHash(log.origin)}/checkpoint`,
      },
    ]);
  });

  it("makes a witness with an old store refuse to start, and go on from there when told", async () => {
    const log = await testLog("log.example/v", { size: 100 });
    const logs = [known(log, { urls: [LOG_URL] })];
    const before = await testWitness(logs);
    await before.witness.addCheckpoint(await log.request(0, 90));
    const net = network();
    const note = await before.witness.checkpoint(originHash(log.origin));
    net.at(LOG_URL, () => body(note));
    const { found: ownSignatures } = await findOwnSignatures({
      logs,
      peers: [],
      ownKeys: await ownKeys(),
      network: { fetch: net.fetch },
    });
    await expectCodeAsync(testWitness(logs, { ownSignatures }), "WITNESS_ROLLED_BACK");
    const { witness } = await testWitness(logs, { ownSignatures, adoptOwnSignatures: true });
    expect((await witness.headAt(log.origin))?.treeSize).toBe(90);
    await expectCodeAsync(witness.addCheckpoint(await log.request(0, 80)), "SIZE_CONFLICT");
    // A store that knows them starts as ever.
    await testWitness(logs, { ownSignatures, recreateGuard: true, store: before.store });
  });

  it("ends in time, whatever hangs, and names who did not answer", async () => {
    const logs = await Promise.all(
      Array.from({ length: 200 }, (_, at) => testLog(`log.example/${at}`, { size: 1 })),
    );
    const [net, time] = [network(), manualTime()];
    const good = await testLog("good.example", { size: 10 });
    const shown = await showLog(net, "https://good.example", good, 10);
    shown.note = await cosigned(shown.note, { name: WITNESS, timestampSeconds: START_SECONDS });
    net.at("https://slow.example", hanging);
    net.at("https://endless.example", endless);
    const searching = findOwnSignatures({
      logs: [...logs.map((log) => known(log)), known(good, { urls: ["https://good.example", "nonsense"] })],
      peers: ["https://slow.example", "https://endless.example"].map((url) => ({ name: url, url, keys: [] })),
      ownKeys: await ownKeys(),
      network: { fetch: net.fetch, sleep: time.sleep },
    });
    await time.advance(10_000);
    const { found, silent } = await searching;
    expect(found.map(({ origin }) => origin)).toEqual(["good.example"]);
    expect(silent.map(({ host }) => host).sort()).toEqual([
      "https://endless.example",
      "https://slow.example",
      "nonsense",
    ]);
    expect(silent.find(({ host }) => host === "https://slow.example")?.message).toBe(
      "201 of 201 checkpoints were not seen: the time was over",
    );
    // Who fails again and again is not asked for every log.
    expect(net.asked.filter((url) => url.startsWith("https://endless.example")).length).toBeLessThan(10);
  });
});

describe("a witness's own signature on a note", () => {
  const source = "https://anywhere.example";

  it("counts only when it verifies, and only for the log it is about", async () => {
    const log = await testLog("log.example/v", { size: 10 });
    const keys = await ownKeys();
    const own = await cosigned(await log.note(10), { name: WITNESS, timestampSeconds: START_SECONDS });
    const { signatures } = parseNote(own);
    const text = parseNote(await log.note(9)).text;
    const elsewhere = formatNote({ text, signatures });
    const by = { name: WITNESS, timestampSeconds: START_SECONDS, number: 7 };
    const stranger = await cosigned(await log.note(10), by);
    const rubbish = new TextEncoder().encode("<html>");
    for (const signedNote of [await log.note(10), elsewhere, stranger, rubbish]) {
      expect(await ownSignature({ log: known(log), signedNote, source, ownKeys: keys })).toBeUndefined();
    }
    const other = known(await testLog("other.example"));
    const args = { signedNote: own, source, ownKeys: keys };
    expect(await ownSignature({ ...args, log: other })).toBeUndefined();
    const found = await ownSignature({ ...args, log: known(log), signedNote: await cosigned(own, by) });
    // What nobody here can verify is not kept.
    expect(found).toMatchObject({ treeSize: 10, signedNote: own });
  });

  it("is found beside a broken line of the witness's other key", async () => {
    const log = await testLog("log.example/v", { size: 10 });
    const keys = await ownKeys();
    const own = await cosigned(await log.note(10), { name: WITNESS, timestampSeconds: START_SECONDS });
    const { text, signatures } = parseNote(own);
    const { verifierKey } = await cosignerKey(WITNESS, 6);
    const broken = noteSignature(verifierKey, new Uint8Array(2428).fill(1));
    const signedNote = formatNote({ text, signatures: [broken, ...signatures] });
    expect(await ownSignature({ log: known(log), signedNote, source, ownKeys: keys })).toMatchObject({
      timestampSeconds: START_SECONDS,
    });
  });
});
