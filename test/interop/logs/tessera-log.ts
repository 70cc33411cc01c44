/** A log of Tessera's posix-oneshot: a folder, to which one run of the program adds entries, waits until they are published, and ends. */
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  openSigner,
} from "../../../src/tlog/key.ts";
import { type Ended, programPath, type RunningProgram, run, start } from "../programs.ts";

export interface AskedWitness {
  readonly vkey: string;
  readonly url: string;
}

export interface TesseraLog {
  readonly origin: string;
  readonly vkey: string;
  /** Its folder, which is a static tlog-tiles directory. */
  readonly storage: string;
  /** One run. @param witness - whose cosignature it asks for and has to get: without it, the program does not end. */
  add(entries: readonly string[], witness: AskedWitness | undefined): Promise<Ended>;
  /** A run that is not expected to end. */
  begin(entries: readonly string[], witness: AskedWitness): Promise<RunningProgram>;
  /** The signed note that it published last, if it did. */
  checkpoint(): Promise<Uint8Array | undefined>;
  /** Another folder under the same key, in which nothing is yet: another history. */
  fork(): Promise<TesseraLog>;
}

/** @param folder - for this and more such logs. */
export async function makeTesseraLog(folder: string, origin: string): Promise<TesseraLog> {
  const signingKey = formatSigningKey(await generateSigningKey({ name: origin }));
  const vkey = formatVerifierKey((await openSigner(signingKey)).verifierKey);
  return await openTesseraLog(folder, { origin, vkey, signingKey });
}

async function openTesseraLog(
  folder: string,
  log: { readonly origin: string; readonly vkey: string; readonly signingKey: string },
): Promise<TesseraLog> {
  const storage = await mkdtemp(join(folder, "log-"));
  const env = { LOG_PRIVATE_KEY: log.signingKey };
  const path = programPath("posix-oneshot");
  const argumentsFor = async (entries: readonly string[], witness: AskedWitness | undefined) => {
    const batch = await mkdtemp(join(folder, "batch-"));
    for (const [index, text] of entries.entries()) await writeFile(join(batch, `${index}`), text);
    const flags = [`--storage_dir=${storage}`, `--entries=${batch}/[0-9]*`];
    if (witness === undefined) return flags;
    const policy = join(batch, "policy");
    await writeFile(policy, `witness w ${witness.vkey} ${witness.url}\nquorum w\n`);
    return [...flags, `--witness_policy_file=${policy}`];
  };
  return {
    origin: log.origin,
    vkey: log.vkey,
    storage,
    add: async (entries, witness) =>
      await run(path, await argumentsFor(entries, witness), { env, timeoutMs: 60_000 }),
    begin: async (entries, witness) => await start(path, await argumentsFor(entries, witness), { env }),
    checkpoint: async () => {
      const bytes = await readFile(join(storage, "checkpoint")).catch(() => undefined);
      return bytes === undefined ? undefined : Uint8Array.from(bytes);
    },
    fork: async () => await openTesseraLog(folder, log),
  };
}
