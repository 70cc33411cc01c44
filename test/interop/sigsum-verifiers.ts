/** Who else verifies Sigsum proofs: Sigsum's own tool in Go, and a program of ours on the crate sigsum, which shares no code with it. */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes, encodeBase64, encodeHex, encodeUint32, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { type Ended, programPath, run } from "./programs.ts";
import { buildRustProgram } from "./rust-programs.ts";

export interface ProofToVerify {
  readonly policy: string;
  /** The submitter's Ed25519 key. */
  readonly submitterKey: Uint8Array;
  /** 32 bytes. */
  readonly message: Uint8Array;
  readonly proof: string;
}

export async function verifyWithSigsumVerify(asked: ProofToVerify): Promise<Ended> {
  const { policy, folder } = await policyFile(asked);
  const key = join(folder, "submitter.pub");
  await writeFile(key, `${openSshLine(asked.submitterKey)}\n`);
  const proof = join(folder, "proof");
  await writeFile(proof, asked.proof);
  const flags = ["--raw-hash", `--key=${key}`, `--policy=${policy}`, proof];
  return await run(programPath("sigsum-verify"), flags, { input: asked.message });
}

/** Compiles rust-sigsum, where that was not done before. */
export async function rustSigsumVerifier(): Promise<(asked: ProofToVerify) => Promise<Ended>> {
  const program = await buildRustProgram("rust-sigsum");
  return async (asked) => {
    const { policy } = await policyFile(asked);
    const { submitterKey, message, proof } = asked;
    return await run(program, [policy, encodeHex(submitterKey), encodeHex(message)], {
      input: encodeUtf8(proof),
    });
  };
}

async function policyFile({ policy }: ProofToVerify): Promise<{ policy: string; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "bristlecone-sigsum-"));
  const file = join(folder, "policy");
  await writeFile(file, policy);
  return { policy: file, folder };
}

/** RFC 4253 §6.6 and RFC 8709 §4: the name of the algorithm, and the key, each after its length. */
function openSshLine(publicKey: Uint8Array): string {
  const name = "ssh-ed25519";
  const parts = [encodeUtf8(name), publicKey].flatMap((part) => [encodeUint32(part.length), part]);
  return `${name} ${encodeBase64(concatBytes(...parts))}`;
}
