/** A key that an ssh-agent holds.  draft-ietf-sshm-ssh-agent */
import { connect } from "node:net";
import { type KeyPair, sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import { codeOf } from "../node/errno.ts";
import { encodeBase64 } from "../tlog/encoding.ts";
import { checkedKeyPair } from "./checked-key-pair.ts";
import {
  type AgentKey,
  decodeKeys,
  decodeSignature,
  encodeFrame,
  encodeListRequest,
  encodeSignRequest,
  FRAME_HEADER_BYTES,
  frameLength,
  publicKeyOf,
} from "./ssh-agent-messages.ts";

export interface SshAgentOptions {
  /** Where it listens: what SSH_AUTH_SOCK says. */
  readonly socketPath: string;
  /** "SHA256:" and 43 letters of base64, as `ssh-add -l` prints it. */
  readonly fingerprint: string;
  /** How long one answer may take, in milliseconds. Default 8,000. */
  readonly timeoutMs?: number;
}

/** Shorter than a log waits for a signature, so that its message says who did not answer. */
const TIMEOUT_MS = 8_000;
const MAX_KEYS_SHOWN = 8;

/**
 * Finds a key in an agent. Each signature asks it anew, over a connection of its own: an agent that was started again goes on.
 * @throws {TlogError} SIGNER_FAILED (no agent, or no answer of one) | KEY_UNKNOWN (it holds no such key) | KEY_TYPE_UNSUPPORTED
 */
export async function openSshAgentKey(options: SshAgentOptions): Promise<KeyPair> {
  const { socketPath, fingerprint } = options;
  const keys = decodeKeys(await ask(options, encodeListRequest()));
  const key = keys.find((candidate) => fingerprintOf(candidate) === fingerprint);
  if (key === undefined) {
    const known = keys.slice(0, MAX_KEYS_SHOWN).map(fingerprintOf).join(", ");
    throw new TlogError(
      "KEY_UNKNOWN",
      `the ssh-agent at ${socketPath} has no key ${fingerprint}, ${known === "" ? "nor any other; it may be locked" : `but ${known}`}; see: ssh-add -l`,
    );
  }
  const publicKey = publicKeyOf(key);
  if (publicKey === undefined) {
    throw new TlogError(
      "KEY_TYPE_UNSUPPORTED",
      `${fingerprint}: want an Ed25519 key (ssh-keygen -t ed25519)`,
    );
  }
  return checkedKeyPair({
    publicKey,
    sign: async (message) => decodeSignature(await ask(options, encodeSignRequest(key, message))),
  });
}

/** As `ssh-add -l` and `ssh-keygen -l` print it. */
export function fingerprintOf(key: AgentKey): string {
  return `SHA256:${encodeBase64(sha256(key)).replace(/=+$/, "")}`;
}

/** Sends one message, and reads the one that answers it. */
function ask(
  { socketPath, timeoutMs = TIMEOUT_MS }: SshAgentOptions,
  message: Uint8Array,
): Promise<Uint8Array> {
  const failed = (what: string, cause?: unknown) =>
    new TlogError("SIGNER_FAILED", `the ssh-agent at ${socketPath} ${what}`, { cause });
  return new Promise<Uint8Array>((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let gathered = 0;
    let wanted: number | undefined;
    const socket = connect(socketPath);
    const timer = setTimeout(() => end(failed(`did not answer within ${timeoutMs} ms`)), timeoutMs);
    const end = (outcome: TlogError | Uint8Array) => {
      clearTimeout(timer);
      socket.destroy();
      if (outcome instanceof TlogError) reject(outcome);
      else resolve(outcome);
    };
    socket.once("error", (error) => end(failed(`cannot be asked (${codeOf(error)})`, error)));
    socket.once("close", () => end(failed("hung up in the middle of an answer")));
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      gathered += chunk.length;
      if (gathered < FRAME_HEADER_BYTES) return;
      try {
        wanted ??= FRAME_HEADER_BYTES + frameLength(Buffer.concat(chunks));
      } catch (error) {
        return end(error instanceof TlogError ? error : failed("sent what cannot be read", error));
      }
      if (gathered === wanted) end(Uint8Array.from(Buffer.concat(chunks).subarray(FRAME_HEADER_BYTES)));
      else if (gathered > wanted) end(failed("said more than it was asked"));
    });
    socket.write(encodeFrame(message));
  });
}
