import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { backUp } from "../../src/archive/backup.ts";
import {
  openHead,
  openNewestHead,
  openTrustedHistory,
  readKeyHistory,
} from "../../src/archive/carried-keys.ts";
import { openDirectorySource } from "../../src/archive/directory-source.ts";
import { importLog } from "../../src/archive/import.ts";
import { repairLog } from "../../src/archive/repair.ts";
import { restoreBackup } from "../../src/archive/restore.ts";
import { checkLog } from "../../src/fsck/check-log.ts";
import type { CheckOptions } from "../../src/fsck/check-options.ts";
import type { VerifyNote } from "../../src/fsck/heads.ts";
import { openInlineCrew } from "../../src/fsck/inline-crew.ts";
import type { Target } from "../../src/fsck/jobs.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import { openGuardFile, openLmdbReader } from "../../src/server.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatKeyHistory, parseKeyHistory } from "../../src/tlog/key-history.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { testSigner } from "../log/harness.ts";
import { changedTo, logKey } from "../tlog/key-changes.ts";
import { exportOf, grow, makeLog, never, newFolder } from "./logs.ts";

const [first, second] = [await testSigner(), await testSigner(21)];
const trust = { logKeys: [first.verifierKey], expectedOrigin: first.verifierKey.name };
const keyChange = { atSeconds: 1_795_320_000, signers: [second] };

/** A log of 300 entries whose key changed, then of 310 under the new one, and an export of it. */
async function rotated() {
  const folder = newFolder();
  const [data, site] = [join(folder, "data"), join(folder, "site")];
  await makeLog(data, 300);
  await exportOf(data, site);
  await makeLog(data, 300, { keyChange });
  await makeLog(data, 310, { signers: [second] });
  await exportOf(data, site);
  return { folder, data, site, history: join(site, "key-history") };
}

async function importInto(directory: string, site: string) {
  const source = openDirectorySource(site);
  const keyHistory = await readKeyHistory(source, { trust, signal: never });
  const head = await openNewestHead(source, { trust, history: keyHistory, signal: never });
  return await importLog({
    sources: [source],
    head,
    keyHistory,
    directory,
    guard: memoryGuard(),
    signal: never,
  });
}

async function keptIn(directory: string): Promise<number | undefined> {
  const reader = await openLmdbReader({ directory });
  return await reader.head().then(({ keys }) => reader.close().then(() => keys?.changes));
}

describe("the history of a log's keys", () => {
  it("goes with an export and an import: the old key leads to the new one, and starts the copy no more", async () => {
    const { folder, site } = await rotated();
    const copy = join(folder, "copy");
    expect((await importInto(copy, site)).treeSize).toBe(310);
    expect(await keptIn(copy)).toBe(1);
    await expectCodeAsync(grow(copy, 311, { recreateGuard: true }), "KEY_RETIRED");
    const log = await grow(copy, 311, { signers: [second], recreateGuard: true });
    expect(log.keyHistory?.changes).toHaveLength(1);
    await log.close();
    await exportOf(copy, site);
    // Again and again: what is there already stays.
    expect(await keptIn(copy)).toBe(1);
  });

  it("without it the old key's copy refuses the new head, and a forged or foreign one is refused", async () => {
    const { folder, site, history } = await rotated();
    const kept = await readFile(history);
    await rm(history);
    await expectCodeAsync(importInto(join(folder, "a"), site), "SIGNATURE_MISSING");
    await writeFile(history, kept.toString().replace("tree 300", "tree 299"));
    await expectCodeAsync(importInto(join(folder, "b"), site), "KEY_HISTORY_INVALID");
    const named = { name: first.verifierKey.name };
    const [mine, other] = [await logKey(1, named), await logKey(21, named)];
    const elsewhere = await changedTo([{ ...other, signer: second }], {
      oldKeys: [{ ...mine, signer: first }],
      treeSize: 300,
      origin: named.name,
    });
    await writeFile(history, formatKeyHistory(elsewhere));
    await expectCodeAsync(importInto(join(folder, "c"), site), "KEY_HISTORY_INVALID");
    // A log of the same name whose keys changed otherwise.
    const { data } = await rotated();
    await expectCodeAsync(exportOf(data, site), "KEY_HISTORY_FORKED");
  });

  it("is asked for by the guard: what comes back without a change that was made is refused before anything is signed", async () => {
    const { folder, data, site, history } = await rotated();
    const restored = join(folder, "restored");
    const guard = await openGuardFile(`${data}.guard`);
    const kept = await readFile(history);
    await rm(history);
    const source = openDirectorySource(site);
    const logKeys = [second.verifierKey];
    const head = await openNewestHead(source, {
      trust: { ...trust, logKeys },
      history: undefined,
      signal: never,
    });
    const from = { sources: [source], head, directory: restored, guard, signal: never };
    await expectCodeAsync(importLog(from), "GUARD_AHEAD");
    const keyHistory = parseKeyHistory(new Uint8Array(kept));
    expect(await importLog({ ...from, keyHistory })).toMatchObject({ guard: "adopted" });
    await guard.close();
    const options = { signers: [second], guard: await openGuardFile(`${data}.guard`) };
    await (await grow(restored, 311, options)).close();
  });

  it("leads fsck from the old key to the head, and is checked: its signatures, its trees, and the guard", async () => {
    const { data, site, history } = await rotated();
    const keyHistory = new Uint8Array(await readFile(history));
    const verify: VerifyNote = async (note, shown) =>
      await openHead(note, { trust, history: shown && (await openTrustedHistory(shown, trust)) });
    const check = async (target: Target, more: Partial<CheckOptions>) => {
      const crew = openInlineCrew(target);
      const report = await checkLog({ crew, copy: "one", verify, maxFindings: 9, ...more });
      await crew.close();
      return report;
    };
    const store = { kind: "store", directory: data } as const;
    const sound = await check(store, {});
    expect(sound.findings).toEqual([]);
    expect(sound.heads).toContainEqual(expect.objectContaining({ name: "key change 1", treeSize: 300 }));
    const checkpoint = new Uint8Array(await readFile(join(site, "checkpoint")));
    const folder = { kind: "folder", directory: site } as const;
    expect((await check(folder, { checkpoint, keyHistory })).findings).toEqual([]);
    const kinds = async (bytes: Uint8Array | undefined) =>
      (await check(folder, { checkpoint, keyHistory: bytes })).findings.map(({ where }) => where);
    expect(await kinds(undefined)).toEqual(["the checkpoint"]);
    const forged = new TextDecoder().decode(keyHistory).replace("tree 300", "tree 299");
    expect(await kinds(encodeUtf8(forged))).toEqual(["the checkpoint", "the key history"]);
    const guard = { location: "the guard", storeId: "", signed: undefined };
    const keys = { changes: 2, lastChange: new Uint8Array(32) };
    const { findings } = await check(store, { guard: { ...guard, keys } });
    expect(findings.map(({ where, kind }) => [where, kind])).toContainEqual(["the key history", "store"]);
  });

  it("is in a repaired directory, and in a restored backup", async () => {
    const { folder, data } = await rotated();
    const repaired = join(folder, "repaired");
    await repairLog({
      damaged: data,
      directory: repaired,
      mirrors: [],
      trust,
      guard: memoryGuard(),
      signal: never,
    });
    expect(await keptIn(repaired)).toBe(1);
    const [backup, restored] = [join(folder, "backup"), join(folder, "restored")];
    await backUp({ directory: data, to: backup, now: () => new Date(0), signal: never });
    const guard = await openGuardFile(`${data}.guard`);
    const { guard: verdict } = await restoreBackup({
      from: backup,
      directory: restored,
      guard,
      verify: false,
      signal: never,
    });
    await guard.close();
    expect(verdict).toEqual({ fits: true });
    expect(await keptIn(restored)).toBe(1);
  });
});
