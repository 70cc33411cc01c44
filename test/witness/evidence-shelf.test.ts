/** What a witness keeps of the evidence strangers hand in, what that costs, and what it says when there is no more room. */
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { createWitnessMemoryDisk, openMemoryWitnessStore } from "../../src/store/witness-memory.ts";
import { MAX_EVIDENCE_PER_LOG, type WitnessStore } from "../../src/store/witness-store.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatForkEvidence, parseForkEvidence, verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import { evidenceFromHeads, witnessEvidence } from "../../src/tlog/fork-evidence-build.ts";
import type { NoteSigner } from "../../src/tlog/key.ts";
import { formatNote, type NoteSignature, noteSignature, parseNote } from "../../src/tlog/note.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { checkpointOf, history, ORIGIN, witnessAt } from "../tlog/forks.ts";
import { known, listRoster, TestLog, type TestWitness, testLog, testWitness, WITNESS } from "./harness.ts";

const HASH = originHash(ORIGIN);

/** A log with two keys, of which a witness may know one only. */
async function twoKeys(): Promise<readonly [TestLog, TestLog, TestLog]> {
  const both = await testLog(ORIGIN, { types: [1, 6] });
  const [first, second] = both.signers;
  if (first === undefined || second === undefined) return expect.unreachable();
  const withKeys = (signers: readonly NoteSigner[]) => new TestLog(ORIGIN, signers, both.tree);
  return [both, withKeys([first]), withKeys([second])];
}

async function forkAt(log: TestLog, size: number): Promise<string> {
  const notes = [await log.note(size), await log.forkedAt(3).note(size)] as const;
  const made = await evidenceFromHeads({ origin: log.origin, notes, logKeys: log.keys });
  return made ?? expect.unreachable("no evidence");
}

/** The file with other lines on its notes. */
function withLines(
  file: string,
  change: (lines: readonly NoteSignature[]) => readonly NoteSignature[],
): Uint8Array {
  const evidence = parseForkEvidence(file);
  const notes = evidence.notes.map((bytes) => {
    const note = parseNote(bytes);
    return formatNote({ ...note, signatures: change(note.signatures) });
  });
  return encodeUtf8(formatForkEvidence({ ...evidence, notes }));
}

/** The file with the lines of this log's keys. */
function linesOf(log: TestLog, file: string): Uint8Array {
  const keyIds = new Set(log.keys.map(({ keyId }) => keyId));
  return withLines(file, (lines) => lines.filter(({ keyId }) => keyIds.has(keyId)));
}

async function onlyFile({ witness }: TestWitness): Promise<string> {
  const held = await witness.evidence(HASH);
  expect(held).toHaveLength(1);
  return new TextDecoder().decode(await witness.evidenceFile(HASH, held[0]?.id ?? ""));
}

describe("the lines of evidence that is kept", () => {
  it("are those that verified: a forged line of a key that only others know is dropped", async () => {
    const [both, first, second] = await twoKeys();
    const test = await testWitness([known(first)]);
    const [unknownKey] = second.keys;
    if (unknownKey === undefined) return expect.unreachable();
    const forged = noteSignature(unknownKey, new Uint8Array(2428).fill(9));
    await test.witness.addEvidence(withLines(await forkAt(first, 15), (lines) => [forged, ...lines]));
    const file = await onlyFile(test);
    expect(file).toBe(await forkAt(first, 15));
    expect(await verifyForkEvidence({ evidence: file, logKeys: both.keys })).toMatchObject({
      origin: ORIGIN,
    });
  });

  it("are no junk: a file that was padded is stored without it", async () => {
    const log = await testLog(ORIGIN);
    const test = await testWitness([known(log)]);
    const file = await forkAt(log, 15);
    const [key] = log.keys;
    if (key === undefined) return expect.unreachable();
    const junk = noteSignature({ ...key, name: "junk" }, new Uint8Array(90_000));
    await test.witness.addEvidence(withLines(file, (lines) => [...lines, junk]));
    expect(await onlyFile(test)).toBe(file);
  });

  it("grow by those of a later file, which is no new evidence", async () => {
    const [both, first, second] = await twoKeys();
    const test = await testWitness([known(both)]);
    const all = await forkAt(both, 15);
    const { id } = await test.witness.addEvidence(linesOf(first, all));
    const later = await test.witness.addEvidence(linesOf(second, all));
    expect(later).toEqual({ id, origin: ORIGIN, isNew: false });
    expect(await onlyFile(test)).toBe(all);
    // And back: fewer lines replace nothing.
    await test.witness.addEvidence(linesOf(first, all));
    expect(await onlyFile(test)).toBe(all);
    expect(test.told.map(({ event }) => event)).toEqual(["evidenceStored"]);
  });

  it("are all there, though several files of one fork come at once", async () => {
    const [both, first, second] = await twoKeys();
    const memory = openMemoryWitnessStore({ name: WITNESS });
    const store: WitnessStore = {
      ...memory,
      async addEvidence(evidence) {
        // Slow, so that the other file is verified meanwhile.
        for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
        return await memory.addEvidence(evidence);
      },
    };
    const test = await testWitness([known(both)], { store });
    const all = await forkAt(both, 15);
    const files = [linesOf(second, all), linesOf(first, all)];
    const added = await Promise.all(files.map((file) => test.witness.addEvidence(file)));
    expect(added.filter(({ isNew }) => isNew)).toHaveLength(1);
    const { signedBy } = await verifyForkEvidence({ evidence: await onlyFile(test), logKeys: both.keys });
    expect(signedBy).toHaveLength(2);
  });

  it("keep the log's beside those of a witness that is accused, where they verify", async () => {
    const log = await testLog(ORIGIN);
    const accused = await witnessAt(20);
    const later = await witnessAt(21);
    const witnessKey = accused.verifierKey;
    const notes = [
      await checkpointOf(history(5), 5, [...log.signers, accused]),
      await checkpointOf(history(5, 2), 5, [...log.signers, later]),
    ] as const;
    const made = await witnessEvidence({ origin: ORIGIN, notes, witnessKey, logKeys: log.keys });
    const test = await testWitness([known(log)]);
    await test.witness.addEvidence(encodeUtf8(made ?? ""), [witnessKey]);
    expect(await onlyFile(test)).toBe(made);
  });
});

describe("what is looked at before any signature is checked", () => {
  async function charged(test: TestWitness, file: Uint8Array): Promise<readonly string[]> {
    const asked: string[] = [];
    await test.witness.addEvidence(file, [], (origin) => asked.push(origin)).catch(() => {});
    return asked;
  }

  it("a file counts against its log once it contradicts and is not known, whatever stands beside its lines", async () => {
    const log = await testLog(ORIGIN);
    const test = await testWitness([known(log)]);
    const file = await forkAt(log, 15);
    const [key] = log.keys;
    if (key === undefined) return expect.unreachable();
    const junk = noteSignature({ ...key, name: "junk" }, new Uint8Array(100));
    expect(await charged(test, encodeUtf8("rubbish\n"))).toEqual([]);
    expect(await charged(test, encodeUtf8(await forkAt(await testLog("stranger.example"), 15)))).toEqual([]);
    expect(await charged(test, encodeUtf8(file))).toEqual([ORIGIN]);
    expect(await charged(test, encodeUtf8(file))).toEqual([]);
    expect(
      await charged(
        test,
        withLines(file, (lines) => [...lines, junk]),
      ),
    ).toEqual([]);
  });

  it("what refuses then refuses the file", async () => {
    const log = await testLog(ORIGIN);
    const test = await testWitness([known(log)]);
    const file = encodeUtf8(await forkAt(log, 15));
    const refused = test.witness.addEvidence(file, [], () => {
      throw new RangeError("too often");
    });
    await expect(refused).rejects.toThrow(RangeError);
    expect(await test.witness.evidence(HASH)).toEqual([]);
  });
});

describe("a shelf that is full", () => {
  it("says so, and the log stays convicted by what is there, also after a restart", async () => {
    const log = await testLog(ORIGIN);
    const disk = createWitnessMemoryDisk();
    const first = await testWitness([known(log)], { store: openMemoryWitnessStore({ name: WITNESS, disk }) });
    for (let size = 10; size < 10 + MAX_EVIDENCE_PER_LOG; size++) {
      await first.witness.addEvidence(encodeUtf8(await forkAt(log, size)));
    }
    const [oldest] = await first.witness.evidence(HASH);
    const store = openMemoryWitnessStore({ name: WITNESS, disk });
    const { witness } = await testWitness([known(log)], { store, recreateGuard: true });
    await expectCodeAsync(witness.addEvidence(encodeUtf8(await forkAt(log, 30))), "EVIDENCE_FULL");
    expect(await witness.evidence(HASH)).toHaveLength(MAX_EVIDENCE_PER_LOG);
    expect(await witness.conviction(ORIGIN)).toEqual({ id: oldest?.id, kind: "same-size" });
    const refused = await expectCodeAsync(witness.addCheckpoint(await log.request(0, 12)), "LOG_FROZEN");
    expect(refused).toMatchObject({ evidenceId: oldest?.id });
    expect(await witness.evidenceFile(HASH, oldest?.id ?? "")).toBeDefined();
  });
});

it("a log is frozen though its file cannot be stored, and the file is taken when there is room again", async () => {
  const log = await testLog(ORIGIN);
  const memory = openMemoryWitnessStore({ name: WITNESS });
  let isFull = true;
  const store: WitnessStore = {
    ...memory,
    addEvidence: (evidence) =>
      isFull ? Promise.reject(new TlogError("STORE_FULL", "no room")) : memory.addEvidence(evidence),
  };
  const { witness } = await testWitness([known(log)], { store });
  const file = encodeUtf8(await forkAt(log, 15));
  await expectCodeAsync(witness.addEvidence(file), "STORE_FULL");
  await expectCodeAsync(witness.addCheckpoint(await log.request(0, 12)), "LOG_FROZEN");
  isFull = false;
  expect(await witness.addEvidence(file)).toMatchObject({ isNew: true });
  expect(await witness.evidence(HASH)).toHaveLength(1);
});

it("a log of another name is not convicted by what convicts this one, and holds nothing of it", async () => {
  const [log, other] = [await testLog(ORIGIN), await testLog("other.example")];
  const { witness } = await testWitness([known(log), known(other)], {
    roster: listRoster([known(log), known(other)]),
  });
  const { id } = await witness.addEvidence(encodeUtf8(await forkAt(log, 15)));
  expect(await witness.conviction(other.origin)).toBeUndefined();
  expect(await witness.evidenceFile(originHash(other.origin), id)).toBeUndefined();
});
