/** Sigstore's log, rekor-tiles over files, with an Ed25519 key of its own in a new folder. */
import { createHash, createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  openSigner,
  type SigningKey,
} from "../../../src/tlog/key.ts";
import { freePort, programPath, start } from "../programs.ts";
import { serveFiles } from "./static-files.ts";

/** The DER that comes before the 32 bytes of an Ed25519 seed in PKCS #8.  RFC 8410 §7 */
const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");
/** Of what it answers, what is looked at. */
const TRANSPARENCY_LOG_ENTRY = z.object({
  logIndex: z.string(),
  canonicalizedBody: z.base64(),
  inclusionProof: z.object({ checkpoint: z.object({ envelope: z.string() }) }),
});

export interface RekorLog {
  readonly origin: string;
  /** Its checkpoints carry an ordinary Ed25519 note signature: with an ECDSA key it would be of type 0x02. */
  readonly vkey: string;
  /** Of its tlog-tiles: the server only writes the files. */
  readonly url: string;
  /** "/api/v2/log/entries" below it takes entries. */
  readonly writeUrl: string;
  /** Submits a hashedrekord of this text with a signature by a new P-256 key, and waits for the checkpoint that has it. */
  add(text: string): Promise<RekorEntry>;
  output(): string;
  stop(): Promise<void>;
}

export interface RekorEntry {
  readonly leafIndex: number;
  /** What the log holds: canonical JSON. */
  readonly entry: Uint8Array;
  /** Signed note. */
  readonly checkpoint: string;
}

/**
 * @param options.signingKey - of type 0x01; its name is the log's origin. A witness has to know it before the log starts.
 * @param options.witnessPolicy - a policy file's text; the log goes on without a quorum.
 */
export async function startRekorLog({
  signingKey,
  witnessPolicy,
}: {
  readonly signingKey?: SigningKey;
  readonly witnessPolicy?: string;
} = {}): Promise<RekorLog> {
  const folder = await mkdtemp(join(tmpdir(), "bristlecone-rekor-"));
  const ownKey = signingKey ?? (await generateSigningKey({ name: "rekor.test" }));
  const { verifierKey } = await openSigner(formatSigningKey(ownKey));
  const origin = ownKey.name;
  const key = join(folder, "key.pem");
  await writeFile(key, pemOf(ownKey.seed));
  const policy = join(folder, "policy");
  if (witnessPolicy !== undefined) await writeFile(policy, witnessPolicy);
  const [httpPort, grpcPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const storage = join(folder, "log");
  const writeUrl = `http://127.0.0.1:${httpPort}`;
  const program = await start(
    programPath("rekor-posix"),
    [
      "serve",
      `--storage-dir=${storage}`,
      `--signer-filepath=${key}`,
      `--hostname=${origin}`,
      `--http-port=${httpPort}`,
      `--grpc-port=${grpcPort}`,
      `--http-metrics-port=${metricsPort}`,
      "--checkpoint-interval=1s",
      ...(witnessPolicy === undefined ? [] : [`--witness-policy-path=${policy}`]),
    ],
    { url: `${writeUrl}/healthz` },
  );
  const files = await serveFiles(storage);
  return {
    origin,
    vkey: formatVerifierKey(verifierKey),
    url: files.url,
    writeUrl,
    add: async (text) => await submit(writeUrl, text),
    output: program.output,
    async stop() {
      await program.stop();
      await files.stop();
      await rm(folder, { recursive: true });
    },
  };
}

function pemOf(seed: Uint8Array): string {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: "der", type: "pkcs8" });
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}

async function submit(url: string, text: string): Promise<RekorEntry> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const base64 = (bytes: Buffer) => bytes.toString("base64");
  const request = {
    hashedRekordRequestV002: {
      digest: base64(createHash("sha256").update(text).digest()),
      signature: {
        content: base64(sign("sha256", Buffer.from(text), privateKey)),
        verifier: {
          publicKey: { rawBytes: base64(publicKey.export({ format: "der", type: "spki" })) },
          keyDetails: "PKIX_ECDSA_P256_SHA_256",
        },
      },
    },
  };
  const response = await fetch(`${url}/api/v2/log/entries`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`entry: ${response.status} ${answer}`);
  const { logIndex, canonicalizedBody, inclusionProof } = TRANSPARENCY_LOG_ENTRY.parse(JSON.parse(answer));
  return {
    leafIndex: Number(logIndex),
    entry: Uint8Array.from(Buffer.from(canonicalizedBody, "base64")),
    checkpoint: inclusionProof.checkpoint.envelope,
  };
}
