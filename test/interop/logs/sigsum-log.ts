/** Sigsum's log over memory, with its own tool to submit to it; keys and files in a new folder. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "@noble/hashes/sha2.js";
import { COSIGNATURE_V1 } from "../../../src/tlog/cosignature.ts";
import { decodeHex, encodeHex } from "../../../src/tlog/encoding.ts";
import { ED25519, formatVerifierKey, keyIdOf, parseVerifierKey } from "../../../src/tlog/key.ts";
import { type Ended, freePort, programPath, run, runWell, start } from "../programs.ts";

export const SIGSUM_PROGRAMS = ["sigsum-log-primary", "sigsum-key", "sigsum-submit"] as const;

/** A key pair as sigsum-key makes it: files in OpenSSH's format. */
export interface SigsumKey {
  readonly file: string;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

export interface SigsumLogKey extends SigsumKey {
  readonly folder: string;
  /** "sigsum.org/v1/tree/" and the SHA-256 of the key in hex, which is the key's name too. */
  readonly origin: string;
  readonly vkey: string;
}

export interface SigsumWitness {
  /** Its Ed25519 cosigning key: the only kind Sigsum has. */
  readonly vkey: string;
  readonly url: string;
}

export interface SigsumLog {
  readonly key: SigsumLogKey;
  readonly submitKey: SigsumKey;
  /** By which it submits and verifies. */
  readonly policy: string;
  /** Neither tlog-tiles nor a checkpoint: Sigsum's own API. */
  readonly url: string;
  /** Submits 32 bytes and waits until a quorum has cosigned a tree with them. @returns how that ended, and where the proof is */
  submit(message: Uint8Array, options?: { readonly timeoutSeconds?: number }): Promise<SigsumSubmission>;
  /** What it shows: "size=", "root_hash=", "signature=" and a line "cosignature=" for each that it believes. */
  treeHead(): Promise<string>;
  output(): string;
  stop(): Promise<void>;
}

export interface SigsumSubmission extends Ended {
  /** Empty when there was none. */
  readonly proof: string;
}

/** The log's key comes first: a witness has to know it before the log starts. */
export async function makeSigsumLogKey(): Promise<SigsumLogKey> {
  const folder = await mkdtemp(join(tmpdir(), "bristlecone-sigsum-"));
  const key = await makeKey(join(folder, "log"));
  const origin = `sigsum.org/v1/tree/${encodeHex(sha256(key.publicKey))}`;
  const logKey = { name: origin, type: ED25519, publicKey: key.publicKey } as const;
  return { ...key, folder, origin, vkey: formatVerifierKey({ ...logKey, keyId: keyIdOf(logKey) }) };
}

/** Starts the log; its quorum is that witness. */
export async function startSigsumLog(key: SigsumLogKey, witness: SigsumWitness): Promise<SigsumLog> {
  const { folder } = key;
  const submitKey = await makeKey(join(folder, "submit"));
  const url = `http://127.0.0.1:${await freePort()}`;
  const heads = join(folder, "sth");
  await writeFile(`${heads}.startup`, "startup=empty\n");
  const policy = join(folder, "policy");
  const policyText = sigsumPolicy({
    logVkey: key.vkey,
    witnessVkey: witness.vkey,
    url,
    witnessUrl: witness.url,
  });
  await writeFile(policy, policyText);
  const program = await start(
    programPath("sigsum-log-primary"),
    [
      `--key-file=${key.file}`,
      `--policy-file=${policy}`,
      `--external-endpoint=${new URL(url).host}`,
      `--internal-endpoint=127.0.0.1:${await freePort()}`,
      "--interval=1s",
      "--backend=ephemeral",
      `--sth-file=${heads}`,
      "--allow-test-domain",
    ],
    { url },
  );
  let proofs = 0;
  return {
    key,
    submitKey,
    policy: policyText,
    url,
    async submit(message, { timeoutSeconds = 30 } = {}) {
      proofs += 1;
      const file = join(folder, `proof-${proofs}`);
      const flags = ["--raw-hash", `--timeout=${timeoutSeconds}s`, `--signing-key=${submitKey.file}`];
      const ended = await run(
        programPath("sigsum-submit"),
        [...flags, `--policy=${policy}`, `--output=${file}`],
        { input: message },
      );
      return { ...ended, proof: await readFile(file, "utf8").catch(() => "") };
    },
    treeHead: async () => await (await fetch(`${url}/get-tree-head`)).text(),
    output: program.output,
    async stop() {
      await program.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** In Sigsum's own dialect: keys in hex, for their names follow from them. */
export function sigsumPolicy({
  logVkey,
  witnessVkey,
  url = "",
  witnessUrl = "",
}: {
  readonly logVkey: string;
  readonly witnessVkey: string;
  readonly url?: string;
  readonly witnessUrl?: string;
}): string {
  const witness = parseVerifierKey(witnessVkey);
  if (witness.type !== COSIGNATURE_V1) throw new Error("a Sigsum policy names Ed25519 witnesses");
  const logKey = encodeHex(parseVerifierKey(logVkey).publicKey);
  return `log ${logKey} ${url}\nwitness w ${encodeHex(witness.publicKey)} ${witnessUrl}\nquorum w\n`;
}

async function makeKey(file: string): Promise<SigsumKey> {
  await runWell(programPath("sigsum-key"), ["generate", "-o", file]);
  const hex = await runWell(programPath("sigsum-key"), ["to-hex", "-k", `${file}.pub`]);
  return { file, publicKey: decodeHex(hex.trim()) };
}
