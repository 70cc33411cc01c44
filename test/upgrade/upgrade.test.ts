/** What an operator meets who starts this version on the data of an earlier one, or an earlier copy after it. */
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { open } from "lmdb";
import { Packr } from "msgpackr";
import { describe, expect, it } from "vitest";
import { verifyReceipt } from "../../client/index.ts";
import { openGuardFile } from "../../src/keys/guard-file.ts";
import { readSigningKeyFile } from "../../src/keys/key-file.ts";
import { verifyConsistency } from "../../src/merkle/consistency.ts";
import { type Log, openLmdbReader, openLog, openSigner } from "../../src/server.ts";
import { openLmdbWitnessStore } from "../../src/store/witness-lmdb.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { storeRow } from "../store/store-row.ts";
import { FORMER_SIZE, unpackFormer } from "./former.ts";

const FORMER = ["schema-1", "schema-2-killed", "schema-2-witnessed"];

function entryOf(index: number): Uint8Array {
  return encodeUtf8(`entry ${index}`);
}

/** Opens the log of a folder as `serve` does. @returns it, and the codes of its warnings. */
async function openFormer(
  folder: string,
): Promise<{ readonly log: Log; readonly warnings: readonly string[] }> {
  const warnings: string[] = [];
  const log = await openLog({
    directory: join(folder, "data"),
    signer: await openSigner(await readSigningKeyFile(join(folder, "log.key"))),
    guard: await openGuardFile(join(folder, "log.guard")),
    events: { warning: ({ code }) => void warnings.push(code) },
  });
  return { log, warnings };
}

async function headOf(folder: string, signedNote: Uint8Array) {
  const vkey = parseVerifierKey(readFileSync(join(folder, "vkey"), "utf8").trim());
  return await openCheckpoint({ signedNote, logKeys: [vkey] });
}

describe.each(FORMER)("a log of an earlier version (%s)", (name) => {
  it("keeps every index and entry, continues its last checkpoint, and goes on", async () => {
    const folder = unpackFormer(name);
    const { log } = await openFormer(folder);
    const indices = Array.from({ length: FORMER_SIZE }, (_, index) => index);
    // Each is there already, so each gets the index it had.
    const again = await log.addBatch(indices.map(entryOf));
    expect(again.map(({ leafIndex }) => leafIndex)).toEqual(indices);
    const { leafIndex } = await log.add(entryOf(FORMER_SIZE));
    expect(leafIndex).toBe(FORMER_SIZE);
    await log.untilPublished(leafIndex, { signal: AbortSignal.timeout(10_000) });
    const before = await headOf(folder, readFileSync(join(folder, "checkpoint")));
    const after = await headOf(folder, log.published().checkpoint);
    expect([before.treeSize, after.treeSize]).toEqual([FORMER_SIZE, FORMER_SIZE + 1]);
    const [fromSize, toSize] = [before.treeSize, after.treeSize];
    const proof = await log.proveConsistency({ fromSize, toSize });
    verifyConsistency({ fromSize, toSize, fromRoot: before.rootHash, toRoot: after.rootHash, proof });
    await log.close();
    expect(await storeRow(join(folder, "data"))).toMatchObject({ schema: 2 });
    const reader = await openLmdbReader({ directory: join(folder, "data") });
    const bytes = await reader.readEntries({ start: 17, end: 18 });
    expect(bytes?.subarray(2)).toEqual(entryOf(17));
    await reader.close();
  });

  it("gives receipts that verify as those of before do", async () => {
    const folder = unpackFormer(name);
    const vkey = readFileSync(join(folder, "vkey"), "utf8").trim();
    const { log } = await openFormer(folder);
    const receipts = [readFileSync(join(folder, "17.tlog-proof")), await log.receipt(17)];
    for (const receipt of receipts)
      expect(await verifyReceipt({ receipt, entry: entryOf(17), vkey })).toMatchObject({ leafIndex: 17 });
    await log.close();
  });

  it("has no way back: a copy of before is refused once this version has opened it", async () => {
    const folder = unpackFormer(name);
    const data = join(folder, "data");
    cpSync(data, join(folder, "copy"), { recursive: true });
    const { log } = await openFormer(folder);
    await log.add(entryOf(FORMER_SIZE));
    await log.close();
    rmSync(data, { recursive: true });
    cpSync(join(folder, "copy"), data, { recursive: true });
    await expectCodeAsync(openFormer(folder), "GUARD_AHEAD");
  });
});

describe("a log of schema 1", () => {
  it("tells that earlier versions will not open it any more, once", async () => {
    const folder = unpackFormer("schema-1");
    const first = await openFormer(folder);
    expect(first.warnings).toContain("STORE_UPGRADED");
    await first.log.close();
    const second = await openFormer(folder);
    expect(second.warnings).not.toContain("STORE_UPGRADED");
    await second.log.close();
  });
});

describe("a witness of an earlier version", () => {
  it("keeps the head it cosigned", async () => {
    const folder = unpackFormer("schema-2-witnessed");
    const store = await openLmdbWitnessStore({
      directory: join(folder, "data.witnesses/w1"),
      name: "example.com/former/witness/w1",
    });
    expect(await store.head("example.com/former")).toMatchObject({ treeSize: FORMER_SIZE });
    await store.close();
  });
});

describe("a log of a schema that is not known", () => {
  it("is refused to writer and reader, and left as it was", async () => {
    const folder = unpackFormer("schema-2-killed");
    const data = join(folder, "data");
    await writeSchema(data, 99);
    const before = readFileSync(join(data, "data.mdb"));
    const error = await expectCodeAsync(openFormer(folder), "STORE_SCHEMA_UNKNOWN");
    expect(error.message).toContain("99");
    await expectCodeAsync(openLmdbReader({ directory: data }), "STORE_SCHEMA_UNKNOWN");
    expect(readFileSync(join(data, "data.mdb")).equals(before)).toBe(true);
  });
});

/** As a later version would. */
async function writeSchema(path: string, schema: number): Promise<void> {
  const row = await storeRow(path);
  if (typeof row !== "object") throw new Error("no row");
  const record = new Packr({ useRecords: false }).pack({ ...row, schema });
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(record, crc32("store\0")));
  const binary = { encoding: "binary", keyEncoding: "binary" } as const;
  const root = open<Uint8Array, Uint8Array>({ path, noSubdir: false, overlappingSync: false, ...binary });
  await root
    .openDB<Uint8Array, Uint8Array>({ name: "meta", ...binary })
    .put(Buffer.from("store"), Buffer.concat([checksum, record]));
  await root.close();
}
