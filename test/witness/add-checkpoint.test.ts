import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { formatAddCheckpoint, parseCosignatureLines } from "../../src/tlog/add-checkpoint.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { decodeTimestampedSignature } from "../../src/tlog/cosignature.ts";
import { concatBytes, encodeBase64, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { keyIdOf, keyLabel, parseVerifierKey, verifierFor } from "../../src/tlog/key.ts";
import { noteSignature, openNote, parseNote } from "../../src/tlog/note.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { SizeConflictError, type Witness } from "../../src/witness/witness.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { cosignerKey, known, START_SECONDS, TestLog, testLog, testWitness, WITNESS } from "./harness.ts";

const ORIGIN = "log.example/one";

async function witnessOf(log: TestLog) {
  return await testWitness([known(log)]);
}

/** What a client does with the answer: puts the lines below the checkpoint and opens the note with the witness's keys. */
async function verifiedLines(witness: Witness, note: Uint8Array, lines: Uint8Array) {
  const verifiers = witness.vkeys.map((vkey) => verifierFor(parseVerifierKey(vkey)));
  const { verified } = await openNote(concatBytes(note, lines), verifiers);
  return verified.map(({ verifierKey, signature }) => ({
    type: verifierKey.type,
    timestampSeconds: decodeTimestampedSignature(verifierKey.type === 6 ? 6 : 4, signature.payload)
      .timestampSeconds,
  }));
}

describe("add-checkpoint", () => {
  it("WIT-12, WIT-13: cosigns a first checkpoint and one that continues it, and answers with its own lines only", async () => {
    const log = await testLog(ORIGIN);
    const { witness, clock } = await witnessOf(log);
    const first = await witness.addCheckpoint(await log.request(0, 3));
    expect(parseCosignatureLines(first).map(({ name }) => name)).toEqual([WITNESS]);
    expect(await verifiedLines(witness, await log.note(3), first)).toEqual([
      { type: 4, timestampSeconds: START_SECONDS },
    ]);
    clock.seconds += 7;
    const second = await witness.addCheckpoint(await log.request(3, 9));
    expect(await verifiedLines(witness, await log.note(9), second)).toEqual([
      { type: 4, timestampSeconds: START_SECONDS + 7 },
    ]);
  });

  it("WIT-13: answers the same size again with a fresh timestamp", async () => {
    const log = await testLog(ORIGIN);
    const { witness, clock } = await witnessOf(log);
    await witness.addCheckpoint(await log.request(0, 3));
    clock.seconds += 300;
    const again = await witness.addCheckpoint(await log.request(3, 3));
    expect(await verifiedLines(witness, await log.note(3), again)).toEqual([
      { type: 4, timestampSeconds: START_SECONDS + 300 },
    ]);
  });

  it("WIT-13, SUB-5: with an ML-DSA-44 key answers both cosignatures, of the whole tree and the same time", async () => {
    const log = await testLog(ORIGIN);
    const keys = [await cosignerKey(WITNESS, 4), await cosignerKey(WITNESS, 6)];
    const { witness } = await testWitness([known(log)], { keys });
    const lines = await witness.addCheckpoint(await log.request(0, 5));
    expect(await verifiedLines(witness, await log.note(5), lines)).toEqual([
      { type: 4, timestampSeconds: START_SECONDS },
      { type: 6, timestampSeconds: START_SECONDS },
    ]);
    expect(lines.length).toBeLessThan(16 * 1024); // WIT-18
  });

  it("cosigns extension lines with Ed25519 only, because ML-DSA-44 does not cover them", async () => {
    const log = await testLog(ORIGIN);
    const keys = [await cosignerKey(WITNESS, 4), await cosignerKey(WITNESS, 6)];
    const { witness } = await testWitness([known(log)], { keys });
    const checkpoint = await log.note(5, { extensions: ["more"] });
    const lines = await witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint }));
    expect(await verifiedLines(witness, checkpoint, lines)).toEqual([
      { type: 4, timestampSeconds: START_SECONDS },
    ]);
  });

  it("refuses extension lines that only an ML-DSA-44 signature of the log comes with", async () => {
    const log = await testLog(ORIGIN, { types: [6] });
    const { witness } = await witnessOf(log);
    const plain = new TextDecoder().decode(await log.note(5));
    const extended = encodeUtf8(plain.replace("=\n\n", "=\nmore\n\n"));
    await expectCodeAsync(
      witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: extended })),
      "SIGNATURE_MISSING",
    );
  });

  it.each([
    ["WIT-2: no empty line", (body: string) => body.replaceAll("\n\n", "\n")],
    ["WIT-2: an empty body", () => ""],
    ["WIT-3: an old size with a leading zero", (body: string) => body.replace("old 3", "old 03")],
    ["WIT-3: an old size with a sign", (body: string) => body.replace("old 3", "old +3")],
    ["WIT-3: two spaces", (body: string) => body.replace("old 3", "old  3")],
    ["WIT-3: something after the old size", (body: string) => body.replace("old 3", "old 3 ")],
    ["WIT-2: a note without signatures", (body: string) => body.replace(/— .*\n/, "")],
    [
      "CP-3: a size above 2^53 - 1",
      (body: string) => body.replace(`${ORIGIN}\n9`, `${ORIGIN}\n9007199254740993`),
    ],
    [
      "WIT-4: 64 proof lines",
      (body: string) => body.replace("\n", `\n${`${encodeBase64(new Uint8Array(32))}\n`.repeat(64)}`),
    ],
  ])("400 for %s", async (_name, change) => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    await witness.addCheckpoint(await log.request(0, 3));
    const body = new TextDecoder().decode(await log.request(3, 9));
    const changed = change(body);
    expect(changed).not.toBe(body);
    const error = await witness.addCheckpoint(encodeUtf8(changed)).catch((thrown: unknown) => thrown);
    // A changed checkpoint has no valid signature any more: that is said first.
    expect(error).toMatchObject({
      code: changed.includes("9007199254740993") ? "SIGNATURE_INVALID" : "REQUEST_MALFORMED",
    });
  });

  it("400 for a signed checkpoint that is none", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    const { signNote } = await import("../../src/tlog/note.ts");
    const checkpoint = await signNote(
      encodeUtf8(`${ORIGIN}\nfive\n${encodeBase64(new Uint8Array(32))}\n`),
      log.signers,
    );
    await expectCodeAsync(
      witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint })),
      "REQUEST_MALFORMED",
    );
  });

  it("WIT-5: 404 for an unknown origin, whoever signed", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    const other = await testLog("log.example/two");
    await expectCodeAsync(witness.addCheckpoint(await other.request(0, 3)), "LOG_UNKNOWN");
  });

  it("WIT-6: 403 when no trusted key signed", async () => {
    const { witness } = await witnessOf(await testLog(ORIGIN));
    const impostor = await testLog(ORIGIN, { number: 7 });
    await expectCodeAsync(witness.addCheckpoint(await impostor.request(0, 3)), "SIGNATURE_MISSING");
  });

  it("WIT-6: 403 when a trusted key's line does not verify, even beside one that does", async () => {
    const log = await testLog(ORIGIN, { types: [1, 6] });
    const { witness } = await witnessOf(log);
    const [ed25519, mlDsa] = log.keys;
    const { text, signatures } = parseNote(await log.note(3));
    const { formatNote } = await import("../../src/tlog/note.ts");
    for (const key of [ed25519, mlDsa]) {
      const forged = signatures.map((line) => {
        if (key === undefined || line.keyId !== keyIdOf(key)) return line;
        const payload = line.payload.slice();
        payload[20] = (payload[20] ?? 0) === 0 ? 1 : 0;
        return noteSignature(key, payload);
      });
      const body = formatAddCheckpoint({
        oldSize: 0,
        proof: [],
        checkpoint: formatNote({ text, signatures: forged }),
      });
      await expectCodeAsync(witness.addCheckpoint(body), "SIGNATURE_INVALID");
    }
  });

  it("WIT-6: 403 when a second line of a trusted key does not verify; the same line twice is no harm", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    const { text, signatures } = parseNote(await log.note(3));
    const { formatNote } = await import("../../src/tlog/note.ts");
    const bodyWith = (lines: typeof signatures) =>
      formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: formatNote({ text, signatures: lines }) });
    const forged = log.keys.map((key) => noteSignature(key, new Uint8Array(64).fill(1)));
    await expectCodeAsync(witness.addCheckpoint(bodyWith([...signatures, ...forged])), "SIGNATURE_INVALID");
    expect(
      parseCosignatureLines(await witness.addCheckpoint(bodyWith([...signatures, ...signatures]))),
    ).toHaveLength(1);
  });

  it("WIT-6: any one of a log's keys suffices, and lines of unknown keys are ignored", async () => {
    const rotated = await testLog(ORIGIN, { number: 1 });
    const next = await testLog(ORIGIN, { number: 2 });
    const both = known(rotated, { logKeys: [...rotated.keys, ...next.keys] });
    const { witness } = await testWitness([both]);
    await witness.addCheckpoint(await rotated.request(0, 3));
    await witness.addCheckpoint(await next.request(3, 9));
    const stranger = await testLog("stranger.example", { number: 3 });
    const mixed = new TestLog(ORIGIN, [...stranger.signers, ...next.signers], next.tree);
    await witness.addCheckpoint(await mixed.request(9, 10));
  });

  it("WIT-7: 400 when the old size is larger than the checkpoint", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    const body = formatAddCheckpoint({ oldSize: 4, proof: [], checkpoint: await log.note(3) });
    await expectCodeAsync(witness.addCheckpoint(body), "REQUEST_MALFORMED");
  });

  it("WIT-8: 409 with the size it has, when the old size is another one", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    await expectSize(witness.addCheckpoint(await log.request(3, 9)), 0);
    await witness.addCheckpoint(await log.request(0, 5));
    for (const [from, to] of [
      [0, 9],
      [4, 9],
      [0, 5],
      [6, 9],
      [0, 2],
    ] as const) {
      await expectSize(witness.addCheckpoint(await log.request(from, to)), 5);
    }
  });

  it("WIT-9: 422 for size 0 with another root than the empty tree's", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    const checkpoint = await log.note(0, { rootHash: new Uint8Array(32) });
    await expectCodeAsync(
      witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint })),
      "ROOT_MISMATCH",
    );
  });

  it("cosigns the empty tree, twice, and what continues it", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    await witness.addCheckpoint(await log.request(0, 0));
    await witness.addCheckpoint(await log.request(0, 0));
    await witness.addCheckpoint(await log.request(0, 7));
    expect((await witness.headAt(ORIGIN))?.treeSize).toBe(7);
  });

  it("WIT-10: 422 for a proof from size 0", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    const checkpoint = await log.note(3);
    const body = formatAddCheckpoint({ oldSize: 0, proof: [new Uint8Array(32)], checkpoint });
    await expectCodeAsync(witness.addCheckpoint(body), "PROOF_INVALID");
  });

  it("WIT-11: 422 for a proof that does not verify, is missing, or comes where none is needed", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    await witness.addCheckpoint(await log.request(0, 4));
    const wrong = [
      { to: 9, proof: log.proof(4, 9).map((hash) => hash.slice().fill(0)) },
      { to: 9, proof: [] },
      { to: 9, proof: [...log.proof(4, 9), new Uint8Array(32)] },
      { to: 4, proof: [new Uint8Array(32)] },
    ];
    for (const { to, proof } of wrong) {
      const body = formatAddCheckpoint({ oldSize: 4, proof, checkpoint: await log.note(to) });
      await expectCodeAsync(witness.addCheckpoint(body), "PROOF_INVALID");
    }
    expect((await witness.headAt(ORIGIN))?.treeSize).toBe(4);
    await witness.addCheckpoint(await log.request(4, 9));
  });

  it("WIT-14: of requests that race, one wins and the others get 409 with the new size", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    await witness.addCheckpoint(await log.request(0, 3));
    const racing = await Promise.all([5, 6, 7, 8, 9].map((size) => log.request(3, size)));
    const outcomes = await Promise.allSettled(racing.map((body) => witness.addCheckpoint(body)));
    const won = outcomes.filter(({ status }) => status === "fulfilled");
    expect(won).toHaveLength(1);
    const { treeSize } = (await witness.headAt(ORIGIN)) ?? {};
    for (const outcome of outcomes) {
      if (outcome.status === "rejected")
        expect(outcome.reason).toMatchObject({ code: "SIZE_CONFLICT", treeSize });
    }
  });

  it("WIT-20: stores only lines that it verified or made: a forged line with its own name cannot wedge its state", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    const own = parseVerifierKey(witness.vkeys[0] ?? "");
    const forged = noteSignature(own, new Uint8Array(72).fill(1));
    const checkpoint = concatBytes(await log.note(3), encodeUtf8(`${forged.line}\n`));
    await witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint }));
    await witness.addCheckpoint(await log.request(3, 9));
    const shown = await witness.checkpoint(originHash(ORIGIN));
    expect(shown).toBeDefined();
    expect(new TextDecoder().decode(shown)).not.toContain(forged.line);
  });

  it("WIT-21: is not opened with a log that has the witness's name, nor one that signs with the witness's key", async () => {
    const namesake = await testLog(WITNESS);
    await expectCodeAsync(testWitness([known(namesake)]), "ARGUMENT_INVALID");
    const log = await testLog(ORIGIN);
    const { verifierKey } = await cosignerKey(WITNESS);
    const borrowed = { ...verifierKey, name: ORIGIN, type: 1 as const };
    await expectCodeAsync(testWitness([known(log, { logKeys: [borrowed] })]), "ARGUMENT_INVALID");
  });

  it("MON-2: shows the newest checkpoint with the log's verified signature and the cosignatures that were answered", async () => {
    const log = await testLog(ORIGIN);
    const { witness, clock } = await witnessOf(log);
    expect(await witness.checkpoint(originHash(ORIGIN))).toBeUndefined();
    await witness.addCheckpoint(await log.request(0, 3));
    clock.seconds += 5;
    const lines = await witness.addCheckpoint(await log.request(3, 3));
    const shown = await witness.checkpoint(originHash(ORIGIN));
    expect(shown).toEqual(concatBytes(await log.note(3), lines));
    const vkey = witness.vkeys[0];
    const policy = {
      logs: log.keys.map((key) => ({ key })),
      witnesses: [{ name: "w", key: parseVerifierKey(vkey ?? "") }],
      groups: [],
      quorum: "w",
    };
    await openCheckpoint({ signedNote: shown ?? new Uint8Array(0), policy });
  });

  it("a log that is disabled is cosigned no more: 403", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await testWitness([known(log, { isDisabled: true })]);
    await expectCodeAsync(witness.addCheckpoint(await log.request(0, 3)), "LOG_DISABLED");
  });

  it("429 beyond the new heads that a log agreed to; what strangers repeat does not count, nor does another log's", async () => {
    const log = await testLog(ORIGIN);
    const other = await testLog("log.example/two");
    const { witness, clock } = await testWitness([known(log, { queriesPerDay: 8640 }), known(other)]);
    const impostor = await testLog(ORIGIN, { number: 7 });
    await witness.addCheckpoint(await log.request(0, 1));
    for (let count = 0; count < 20; count++) {
      await expectCodeAsync(witness.addCheckpoint(await impostor.request(0, 3)), "SIGNATURE_MISSING");
      await expectSize(witness.addCheckpoint(await log.request(0, 1)), 1);
      await witness.addCheckpoint(await log.request(1, 1));
    }
    for (let size = 1; size < 10; size++) await witness.addCheckpoint(await log.request(size, size + 1));
    const refused = await expectCodeAsync(witness.addCheckpoint(await log.request(10, 11)), "RATE_LIMITED");
    expect(refused).toMatchObject({ retryAfterSeconds: 10 });
    await witness.addCheckpoint(await other.request(0, 3));
    clock.seconds += 10;
    await witness.addCheckpoint(await log.request(10, 11));
  });

  it("answers a head that it cosigned a moment ago with the same lines, at no cost, and waits for nobody", async () => {
    const log = await testLog(ORIGIN);
    const { witness, clock, store, told } = await witnessOf(log);
    const first = await witness.addCheckpoint(await log.request(0, 3));
    clock.seconds += 30;
    const many = Array.from(
      { length: 100 },
      async () => await witness.addCheckpoint(await log.request(3, 3)),
    );
    for (const lines of await Promise.all(many)) expect(lines).toEqual(first);
    expect((await store.journal()).treeSize).toBe(1);
    expect(told).toHaveLength(1);
    clock.seconds += 1;
    expect(await witness.addCheckpoint(await log.request(3, 3))).not.toEqual(first);
  });

  it("MON-2: keeps the lines of a log's other keys when somebody sends the checkpoint again with one of them", async () => {
    const log = await testLog(ORIGIN, { types: [1, 6] });
    const { witness, clock } = await witnessOf(log);
    await witness.addCheckpoint(await log.request(0, 3));
    clock.seconds += 60;
    const one = new TestLog(ORIGIN, log.signers.slice(0, 1), log.tree);
    await witness.addCheckpoint(await one.request(3, 3));
    const shown = parseNote((await witness.checkpoint(originHash(ORIGIN))) ?? new Uint8Array(0));
    const labels = new Set(shown.signatures.map(keyLabel));
    expect(log.keys.every((key) => labels.has(keyLabel(key)))).toBe(true);
    expect(shown.signatures).toHaveLength(3);
  });

  it("400 for a checkpoint text above 4 KiB, which would only swell the history", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    const send = async (padding: number) => {
      const checkpoint = await log.note(5, { extensions: ["x".repeat(padding)] });
      return await witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint }));
    };
    await expectCodeAsync(send(4096), "REQUEST_MALFORMED");
    await send(3900);
  });

  it("refuses while closing, and lets what is under way finish", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await witnessOf(log);
    const body = await log.request(0, 3);
    const underWay = witness.addCheckpoint(body);
    const closed = witness.close();
    await expectCodeAsync(witness.addCheckpoint(body), "WITNESS_CLOSING");
    await closed;
    expect(parseCosignatureLines(await underWay)).toHaveLength(1);
  });
});

async function expectSize(request: Promise<unknown>, treeSize: number): Promise<void> {
  const error = await expectCodeAsync(request, "SIZE_CONFLICT");
  expect(error).toBeInstanceOf(SizeConflictError);
  expect(error).toMatchObject({ treeSize });
}

const vectors = join(process.env.BRISTLECONE_VECTORS ?? "", "witness/add-checkpoint-sequence.json");
const STATUS: Readonly<Record<string, number>> = {
  REQUEST_MALFORMED: 400,
  SIGNATURE_INVALID: 403,
  SIGNATURE_MISSING: 403,
  LOG_UNKNOWN: 404,
  SIZE_CONFLICT: 409,
  ROOT_MISMATCH: 422,
  PROOF_INVALID: 422,
};

describe.skipIf(process.env.BRISTLECONE_VECTORS === undefined || !existsSync(vectors))(
  "another witness's sequence of requests (BRISTLECONE_VECTORS)",
  () => {
    test("each is answered as there", async () => {
      const sequence = JSON.parse(readFileSync(vectors, "utf8"));
      const key = parseVerifierKey(sequence.log_vkey);
      const log = { origin: key.name, logKeys: [key], urls: [], queriesPerDay: undefined, isDisabled: false };
      const { witness } = await testWitness([log]);
      expect(sequence.steps).toHaveLength(11);
      for (const step of sequence.steps) {
        const outcome = await witness.addCheckpoint(encodeUtf8(step.body)).then(
          (lines) => ({ status: 200, body: new TextDecoder().decode(lines) }),
          (error) => ({
            status: STATUS[error.code],
            body: error.treeSize === undefined ? "" : `${error.treeSize}\n`,
          }),
        );
        expect([step.name, outcome.status]).toEqual([step.name, step.status]);
        if (step.response_body !== undefined) expect(outcome.body).toBe(step.response_body);
        if (step.response_prefix !== undefined)
          expect(outcome.body.startsWith(step.response_prefix)).toBe(true);
      }
    });
  },
);
