import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { type GoCheckpoint, goCheckpointOpener, hasGo, keyIdIn } from "./go-programs.ts";
import { type OwnWitness, startOwnWitness } from "./own-witness.ts";
import { type Ended, lacks, programPath, run } from "./programs.ts";

const ORIGIN = "tessera.test/log";
const skipped = lacks("posix-oneshot") || !hasGo();

let folder: string;
let signingKey: string;
let vkey: string;
let witness: OwnWitness;
let openInGo: Awaited<ReturnType<typeof goCheckpointOpener>>;

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-tessera-"));
  signingKey = formatSigningKey(await generateSigningKey({ name: ORIGIN }));
  vkey = formatVerifierKey((await openSigner(signingKey)).verifierKey);
  openInGo = await goCheckpointOpener();
  witness = await startOwnWitness([{ origin: ORIGIN, vkey }]);
});

afterAll(async () => {
  if (skipped) return;
  await witness.stop();
  await rm(folder, { recursive: true });
});

/** One run of the log: it starts, adds these entries, waits until its checkpoint is cosigned, and ends. */
async function runLog(
  log: string,
  entries: readonly string[],
  {
    witnessKey,
    timeoutMs = 60_000,
  }: { readonly witnessKey: string | undefined; readonly timeoutMs?: number },
): Promise<Ended> {
  const batch = await mkdtemp(join(folder, "batch-"));
  for (const [index, text] of entries.entries()) await writeFile(join(batch, `${index}`), text);
  const policy = join(batch, "policy");
  await writeFile(policy, `witness w ${witnessKey} ${witness.url}\nquorum w\n`);
  return await run(
    programPath("posix-oneshot"),
    [
      `--storage_dir=${join(folder, log)}`,
      `--entries=${batch}/[0-9]*`,
      ...(witnessKey === undefined ? [] : [`--witness_policy_file=${policy}`]),
    ],
    { env: { LOG_PRIVATE_KEY: signingKey }, timeoutMs },
  );
}

async function addTo(
  log: string,
  entries: readonly string[],
  witnessKey: string | undefined,
): Promise<string> {
  const { code, stderr } = await runLog(log, entries, { witnessKey });
  expect(code, stderr).toBe(0);
  return stderr;
}

async function published(log: string): Promise<GoCheckpoint> {
  return await openInGo(await readFile(join(folder, log, "checkpoint")), vkey, witness.vkeys);
}

describe.skipIf(skipped)("Tessera's log asks our witness", () => {
  it("gets its first checkpoint cosigned, the next ones, and one after a 409 with the size it forgot", async () => {
    const [ed25519 = ""] = witness.vkeys;
    await addTo("log", ["one", "two", "three"], ed25519);
    expect(witness.told.at(-1)).toBe(`cosigned ${ORIGIN} 3`);
    expect(await published("log")).toMatchObject({
      treeSize: 3,
      cosignatures: [{ name: witness.name, keyId: keyIdIn(ed25519) }],
    });
    // Our witness answers with a line of each of its keys; this log knows Ed25519 only.
    await addTo("log", ["four"], ed25519);
    expect(witness.told.at(-1)).toBe(`cosigned ${ORIGIN} 4`);
    // It grows without its witness, so that the size it believes the witness to have is wrong.
    await addTo("log", ["five"], undefined);
    expect(witness.told.at(-1)).toBe(`cosigned ${ORIGIN} 4`);
    expect(await addTo("log", ["six"], ed25519)).toContain(
      "replied with x.tlog.size 4 != our hint 5, retrying",
    );
    expect(witness.told.at(-1)).toBe(`cosigned ${ORIGIN} 6`);
    expect((await published("log")).treeSize).toBe(6);
  });

  it("is cosigned no more once two histories of it reach our witness, which holds evidence of that", async () => {
    const [ed25519 = ""] = witness.vkeys;
    const others = Array.from({ length: 9 }, (_, index) => `another entry ${index}`);
    // The same key over an empty directory: 9 other entries that no witness hears of, then one more that ours shall cosign.
    await addTo("fork", others, undefined);
    // It never ends, for its checkpoint finds no quorum.
    await runLog("fork", ["a tenth"], { witnessKey: ed25519, timeoutMs: 5_000 });
    expect(witness.told.slice(-2)).toEqual([
      `evidence ${ORIGIN} cross-size`,
      `refused ${ORIGIN} PROOF_INVALID`,
    ]);
    expect((await published("fork")).treeSize).toBe(9);
    const { stderr } = await runLog("log", ["seven"], { witnessKey: ed25519, timeoutMs: 3_000 });
    expect(stderr).toContain("403");
    expect(witness.told.filter((line) => line.startsWith("cosigned")).at(-1)).toBe(`cosigned ${ORIGIN} 6`);
  });
});
