/** Sigsum's log over memory, with its own tools to submit to it and to verify what it proves; keys and files in a new folder. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "@noble/hashes/sha2.js";
import { COSIGNATURE_V1 } from "../../../src/tlog/cosignature.ts";
import { decodeHex, encodeHex } from "../../../src/tlog/encoding.ts";
import { ED25519, formatVerifierKey, keyIdOf, parseVerifierKey } from "../../../src/tlog/key.ts";
import { type Ended, freePort, programPath, run, runWell, start } from "../programs.ts";

export const SIGSUM_PROGRAMS = [
  "sigsum-log-primary",
  "sigsum-key",
  "sigsum-submit",
  "sigsum-verify",
] as const;

/** A key pair as sigsum-key makes it: files in OpenSSH's format. */
export interface SigsumKey {
  readonly file: string;
  readonly publicFile: string;
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
  /** Neither tlog-tiles nor a checkpoint: Sigsum's own API. */
  readonly url: string;
  /** Submits 32 bytes and waits until a quorum has cosigned a tree with them. @returns how that ended, and where the proof is */
  submit(message: Uint8Array, options?: { readonly timeoutSeconds?: number }): Promise<SigsumSubmission>;
  /** Has sigsum-verify judge a proof for these bytes. */
  verify(message: Uint8Array, proof: string): Promise<Ended>;
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
  const { type, publicKey } = parseVerifierKey(witness.vkey);
  if (type !== COSIGNATURE_V1) throw new Error("Sigsum's policies name Ed25519 witnesses");
  const lines = [
    `log ${encodeHex(key.publicKey)} ${url}`,
    `witness w ${encodeHex(publicKey)} ${witness.url}`,
    "quorum w",
  ];
  await writeFile(policy, `${lines.join("\n")}\n`);
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
    async verify(message, proof) {
      const file = join(folder, "proof-to-verify");
      await writeFile(file, proof);
      const flags = ["--raw-hash", `--key=${submitKey.publicFile}`, `--policy=${policy}`, file];
      return await run(programPath("sigsum-verify"), flags, { input: message });
    },
    output: program.output,
    async stop() {
      await program.stop();
      await rm(folder, { recursive: true });
    },
  };
}

async function makeKey(file: string): Promise<SigsumKey> {
  await runWell(programPath("sigsum-key"), ["generate", "-o", file]);
  const publicFile = `${file}.pub`;
  const hex = await runWell(programPath("sigsum-key"), ["to-hex", "-k", publicFile]);
  return { file, publicFile, publicKey: decodeHex(hex.trim()) };
}
