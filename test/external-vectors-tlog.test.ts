import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formatAddCheckpoint, parseAddCheckpoint } from "../src/tlog/add-checkpoint.ts";
import { openCheckpoint, parseCheckpoint } from "../src/tlog/checkpoint.ts";
import { decodeTimestampedSignature } from "../src/tlog/cosignature.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  openSigner,
  parseVerifierKey,
  verifierFor,
} from "../src/tlog/key.ts";
import { parseLogList } from "../src/tlog/log-list.ts";
import { noteSignature, openNote, parseNote, parseSignatureLine, signNote } from "../src/tlog/note.ts";
import { parsePolicy } from "../src/tlog/policy.ts";
import { parseTlogProof } from "../src/tlog/proof.ts";
import { expectCode, expectCodeAsync } from "./expect-code.ts";

/*
 * Other projects' vectors, which are not part of this repository: BRISTLECONE_VECTORS names a folder that has them.
 * Where a file follows its project and not the C2SP document, the document is asserted.
 */
const folder = process.env.BRISTLECONE_VECTORS ?? "";
const counts = { run: 0, skipped: 0 };

const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const readText = (path: string) => readFileSync(join(folder, path), "utf8");
const readJson = <T>(path: string): T => JSON.parse(readText(path));
const verifier = (vkey: string) => verifierFor(parseVerifierKey(vkey));

interface NoteCase {
  readonly name: string;
  readonly note: string;
  readonly vkeys: readonly string[];
  readonly expect: "ok" | "unverified" | "invalid-signature" | "implementation-limit" | "malformed";
  readonly verified?: readonly string[];
}

interface BodyCase {
  readonly desc: string;
  readonly body: string;
  readonly strict_c2sp_ok: boolean | null;
}

interface RealCheckpoint {
  readonly note: string;
  readonly size: number;
  readonly origin?: string;
  readonly vkey?: string;
  readonly ed25519_seed_hex?: string;
}

interface CosignatureCase {
  readonly name: string;
  readonly expect: "ok" | "unknown-key" | "invalid-signature";
  readonly note?: string;
  readonly vkey?: string;
  readonly body?: string;
  readonly line?: string;
  readonly witness_name?: string;
  readonly ed25519_seed_hex?: string;
}

describe.skipIf(folder === "" || !existsSync(folder))("other projects' note and checkpoint vectors", () => {
  afterAll(() => {
    console.log(
      `external note, checkpoint, policy and proof vectors: ${counts.run} run, ${counts.skipped} skipped`,
    );
  });

  it("verifier keys", () => {
    for (const { vkey, type_byte } of readJson<{ vkeys: { vkey: string; type_byte: number }[] }>(
      "note/vkeys.json",
    ).vkeys) {
      if (type_byte === 2 || type_byte === 5)
        expectCode(() => parseVerifierKey(vkey), "KEY_TYPE_UNSUPPORTED");
      // Its key ID is not the one the document derives, though its own project takes it.
      else if (vkey.startsWith("test+5893dc2c+")) expectCode(() => parseVerifierKey(vkey), "VKEY_MALFORMED");
      else expect(formatVerifierKey(parseVerifierKey(vkey))).toBe(vkey);
      counts.run += 1;
    }
  });

  it("signed notes", async () => {
    const { cases, skeys } = readJson<{ cases: NoteCase[]; skeys: string[] }>("note/signed-note-open.json");
    for (const { name, note, vkeys, expect: outcome, verified } of cases) {
      const opened = openNote(utf8(note), vkeys.map(verifier));
      if (outcome === "ok")
        expect(
          (await opened).verified.map(({ verifierKey }) => verifierKey.name),
          name,
        ).toEqual(verified);
      else await expectCodeAsync(opened, NOTE_CODES[outcome]);
      counts.run += 1;
    }
    const [first] = cases;
    const signer = await openSigner(skeys[0] ?? "");
    expect(text(await signNote(parseNote(utf8(first?.note ?? "")).text, [signer]))).toBe(first?.note);
    counts.run += 1;
  });

  it("checkpoint bodies", () => {
    for (const { desc, body, strict_c2sp_ok } of readJson<{ cases: BodyCase[] }>("checkpoint/body-parse.json")
      .cases) {
      // Good by the document, or undecided, but above 2^53 - 1: refused by name.
      if (/2\^63|too large/.test(desc)) expectCode(() => parseCheckpoint(body), "NUMBER_TOO_LARGE");
      else if (strict_c2sp_ok) expect(parseCheckpoint(body).origin, desc).toBe(body.split("\n")[0]);
      else expectCode(() => parseCheckpoint(body), "CHECKPOINT_MALFORMED");
      counts.run += 1;
    }
  });

  it("real checkpoints", async () => {
    for (const real of readJson<{ cases: RealCheckpoint[] }>("checkpoint/real.json").cases) {
      const signedNote = utf8(real.note);
      const [origin = ""] = real.note.split("\n");
      const vkey = real.vkey ?? (await vkeyFromSeed(origin, 1, real.ed25519_seed_hex));
      const logKeys = [parseVerifierKey(vkey)];
      const opened = await openCheckpoint({ signedNote, logKeys, expectedOrigin: real.origin ?? origin });
      expect(opened.treeSize).toBe(real.size);
      if (real.origin !== undefined)
        await expectCodeAsync(openCheckpoint({ signedNote, logKeys }), "ORIGIN_MISMATCH");
      counts.run += 1;
    }
    const logKeys = [
      parseVerifierKey("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"),
    ];
    for (let size = 0; size <= 15; size++) {
      const signedNote = utf8(readText(`tiles/tessera-log15/checkpoint.${size}`));
      expect((await openCheckpoint({ signedNote, logKeys })).treeSize).toBe(size);
      counts.run += 1;
    }
  });

  it("Ed25519 cosignatures", async () => {
    for (const row of readJson<{ cases: CosignatureCase[] }>("cosignature/ed25519-v1.json").cases) {
      const vkey = row.vkey ?? (await vkeyFromSeed(row.witness_name ?? "", 4, row.ed25519_seed_hex));
      const opened = openNote(utf8(row.note ?? `${row.body}\n${row.line}`), [verifier(vkey)]);
      if (row.expect === "ok") expect((await opened).verified.length, row.name).toBe(1);
      else
        await expectCodeAsync(
          opened,
          row.expect === "unknown-key" ? "SIGNATURE_MISSING" : "SIGNATURE_INVALID",
        );
      counts.run += 1;
    }
  });

  it("an Ed25519 cosignature made again, byte for byte", async () => {
    const [row] = readJson<{ cases: CosignatureCase[] }>("cosignature/ed25519-v1.json").cases;
    const line = (row?.line ?? "").trimEnd();
    const { timestampSeconds } = decodeTimestampedSignature(4, parseSignatureLine(line).payload);
    const key = await generateSigningKey({
      name: row?.witness_name ?? "",
      type: 4,
      seed: bytes(row?.ed25519_seed_hex),
    });
    const signer = await openSigner(formatSigningKey(key), { timestampSeconds: () => timestampSeconds });
    const payload = await signer.sign(utf8(row?.body ?? ""));
    expect(noteSignature(signer.verifierKey, payload).line).toBe(line);
    counts.run += 1;
  });

  it("a checkpoint that its log signed with ML-DSA-44", async () => {
    const { log_vkey, body } = readJson<{ log_vkey: string; body: string }>("ml-dsa-44/add-checkpoint.json");
    const { oldSize, proof, checkpoint: signedNote } = parseAddCheckpoint(utf8(body));
    expect([oldSize, proof]).toEqual([0, []]);
    expect(text(formatAddCheckpoint({ oldSize, proof, checkpoint: signedNote }))).toBe(body);
    const opened = await openCheckpoint({ signedNote, logKeys: [parseVerifierKey(log_vkey)] });
    expect(opened).toMatchObject({ origin: "example.com/mldsa-log", treeSize: 1, logKeys: [log_vkey] });
    const payload = parseNote(signedNote).signatures[0]?.payload ?? new Uint8Array(0);
    expect(decodeTimestampedSignature(6, payload).timestampSeconds).toBe(0);
    counts.run += 1;
  });

  it("policies", () => {
    const { accepted_by_formats } = readJson<{ accepted_by_formats: string[] }>(
      "policy/formats-vkey-policies.json",
    );
    for (const policy of accepted_by_formats) {
      // Each names witness keys of type 0x01, which tlog-policy and tlog-cosignature do not allow.
      const { message } = expectCode(() => parsePolicy(policy), "POLICY_MALFORMED");
      expect(message).toMatch(/^line \d+: (want a witness key of type 4 or 6, got 1|want: witness)/);
      counts.run += 1;
    }
    // Sigsum's own dialect has bare hex keys where C2SP has vkeys: valid or not there, none is a policy here.
    const sigsum = readJson<{ valid: string[]; invalid: { policy: string }[] }>(
      "policy/sigsum-hex-key-policies.json",
    );
    counts.skipped += sigsum.valid.length + sigsum.invalid.length;
  });

  it("lists of logs", () => {
    for (const [file, logs] of [
      ["log-list.1", 9],
      ["log-list-10qps-4klogs.1", 1],
      ["log-list-100qps-40klogs.1", 11],
    ] as const) {
      const list = readText(join("log-list", file));
      const listed = parseLogList(list);
      const lines = list.split("\n").map((line) => line.trim());
      const written = listed.flatMap(({ vkey, origin, queriesPerDay, contact }) => [
        `vkey ${formatVerifierKey(vkey)}`,
        ...(origin === vkey.name ? [] : [`origin ${origin}`]),
        `qpd ${queriesPerDay}`,
        `contact ${contact}`,
      ]);
      expect(["logs/v0", ...written]).toEqual(lines.filter((line) => line !== "" && !line.startsWith("#")));
      expect(listed.length).toBe(logs);
      counts.run += 1;
    }
  });

  it("malformed receipts", () => {
    for (const { proof } of readJson<{ cases: { proof: string }[] }>("tlog-proof/malformed.json").cases) {
      expectCode(() => parseTlogProof(proof), "RECEIPT_MALFORMED");
      counts.run += 1;
    }
  });
});

const NOTE_CODES = {
  unverified: "SIGNATURE_MISSING",
  "invalid-signature": "SIGNATURE_INVALID",
  "implementation-limit": "NOTE_MALFORMED",
  malformed: "NOTE_MALFORMED",
} as const;

async function vkeyFromSeed(name: string, type: 1 | 4, seedHex?: string): Promise<string> {
  const key = await generateSigningKey({ name, type, seed: bytes(seedHex) });
  const signer = await openSigner(formatSigningKey(key), { timestampSeconds: () => 0 });
  return formatVerifierKey(signer.verifierKey);
}

function bytes(hex = ""): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}
