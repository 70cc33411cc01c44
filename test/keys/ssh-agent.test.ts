import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ed25519KeyPair, isValidEd25519, type KeyPair } from "#crypto";
import { openCosigner, openLogSigner } from "../../src/keys/open-signer.ts";
import { fingerprintOf, openSshAgentKey } from "../../src/keys/ssh-agent.ts";
import { agentKeyOf, encodeFrame } from "../../src/keys/ssh-agent-messages.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../../src/tlog/cosignature.ts";
import { concatBytes, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { ED25519, verifierFor } from "../../src/tlog/key.ts";
import { expectCodeAsync } from "../expect-code.ts";

const TEXT = encodeUtf8("example.com/log\n0\nx\n");

let folder: string;
let socketPath: string;
let keyPair: KeyPair;
let fingerprint: string;
let agent: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agent-"));
  socketPath = join(folder, "socket");
  keyPair = await ed25519KeyPair(new Uint8Array(32).fill(7));
  fingerprint = fingerprintOf(agentKeyOf(keyPair.publicKey));
});

afterEach(async () => {
  agent?.close();
  agent = undefined;
  await rm(folder, { recursive: true });
});

/** An agent in this process: what it says to a message, or a socket to do with as it likes. */
async function listen(answer: (message: Uint8Array, socket: Socket) => Promise<Uint8Array | undefined>) {
  agent = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      void answer(Uint8Array.from(chunk.subarray(4)), socket).then(
        (said) => said !== undefined && socket.write(encodeFrame(said)),
      );
    });
  });
  await new Promise<void>((resolve) => agent?.listen(socketPath, resolve));
}

function listOf(...keys: readonly Uint8Array[]): Uint8Array {
  const rows = keys.map((key) => concatBytes(encodeFrame(key), encodeFrame(encodeUtf8("a comment"))));
  return concatBytes(Uint8Array.of(12, 0, 0, 0, keys.length), ...rows);
}

function signatureOf(signature: Uint8Array, algorithm = "ssh-ed25519"): Uint8Array {
  const inner = concatBytes(encodeFrame(encodeUtf8(algorithm)), encodeFrame(signature));
  return concatBytes(Uint8Array.of(14), encodeFrame(inner));
}

/** Lists one key, and signs what it is asked to. */
async function honest(message: Uint8Array): Promise<Uint8Array> {
  const key = agentKeyOf(keyPair.publicKey);
  if (message[0] === 11) return listOf(agentKeyOf(new Uint8Array(32).fill(9)), key);
  const data = message.subarray(1 + 4 + key.length + 4, -4);
  return signatureOf(await keyPair.sign(data));
}

describe("a key in an ssh-agent", () => {
  it("is a log's, or a witness's, of the name that is given", async () => {
    await listen(honest);
    const reference = `ssh-agent:${fingerprint}`;
    const signer = await openLogSigner(reference, {
      agentSocket: socketPath,
      type: ED25519,
      name: "example.com/log",
    });
    const payload = await signer.sign(TEXT);
    expect(payload).toEqual(await keyPair.sign(TEXT));
    expect(await verifierFor(signer.verifierKey).verify({ text: TEXT, payload })).toBe(true);
    const cosigner = await openCosigner(reference, {
      agentSocket: socketPath,
      type: COSIGNATURE_V1,
      name: "w.test",
    });
    expect(cosigner.verifierKey).toMatchObject({
      name: "w.test",
      type: COSIGNATURE_V1,
      publicKey: keyPair.publicKey,
    });
  });

  it("signs on after the agent was started again, and fails in between", async () => {
    await listen(honest);
    const opened = await openSshAgentKey({ socketPath, fingerprint });
    await new Promise<void>((resolve) => agent?.close(() => resolve()));
    await expectCodeAsync(opened.sign(TEXT), "SIGNER_FAILED");
    await listen(honest);
    const signature = await opened.sign(TEXT);
    expect(await isValidEd25519({ publicKey: keyPair.publicKey, message: TEXT, signature })).toBe(true);
  });

  it("is unknown when the agent does not list it, and the refusal says what it lists", async () => {
    const other = agentKeyOf(new Uint8Array(32).fill(9));
    await listen(async () => listOf(other));
    const error = await expectCodeAsync(openSshAgentKey({ socketPath, fingerprint }), "KEY_UNKNOWN");
    expect(error.message).toContain(fingerprintOf(other));
  });

  it("is refused when it is not Ed25519", async () => {
    const rsa = concatBytes(encodeFrame(encodeUtf8("ssh-rsa")), encodeFrame(new Uint8Array(256)));
    await listen(async () => listOf(rsa));
    const wanted = { socketPath, fingerprint: fingerprintOf(rsa) };
    await expectCodeAsync(openSshAgentKey(wanted), "KEY_TYPE_UNSUPPORTED");
  });

  it.each([
    ["no agent", { type: ED25519, name: "a", agentSocket: undefined }],
    ["no name", { type: ED25519, name: undefined, agentSocket: "/nowhere" }],
    ["a name with a space", { type: ED25519, name: "a b", agentSocket: "/nowhere" }],
    ["a type that agents do not hold", { type: ML_DSA_44, name: "a", agentSocket: "/nowhere" }],
  ] as const)("is refused with %s", async (_what, wanted) => {
    await expectCodeAsync(openLogSigner(`ssh-agent:${fingerprint}`, wanted), "CONFIG_INVALID");
  });

  it("is refused when it is not named by a fingerprint", async () => {
    await expectCodeAsync(openLogSigner("ssh-agent:mine", { type: ED25519, name: "a" }), "CONFIG_INVALID");
  });

  it.each<[string, Uint8Array]>([
    ["no", Uint8Array.of(5)],
    ["another kind of message", Uint8Array.of(99)],
    ["a message that is cut off", Uint8Array.of(14, 0, 0, 0, 90, 1, 2)],
    ["something after the end", concatBytes(signatureOf(new Uint8Array(64)), Uint8Array.of(0))],
    ["another algorithm", signatureOf(new Uint8Array(64), "ssh-rsa")],
    ["a short signature", signatureOf(new Uint8Array(63))],
    ["a signature of something else", signatureOf(new Uint8Array(64))],
  ])("gives no signature when the agent says %s", async (_what, said) => {
    await listen(async (message) => (message[0] === 11 ? await honest(message) : said));
    const opened = await openSshAgentKey({ socketPath, fingerprint });
    await expectCodeAsync(opened.sign(TEXT), "SIGNER_FAILED");
  });

  it.each<[string, (socket: Socket) => void]>([
    ["nothing at all", () => undefined],
    ["half an answer, and hangs up", (socket) => socket.end(Uint8Array.of(0, 0, 1, 0, 12))],
    ["that a gigabyte follows", (socket) => socket.write(Uint8Array.of(64, 0, 0, 0, 12))],
    ["more than it was asked", (socket) => socket.write(Uint8Array.of(0, 0, 0, 5, 12, 0, 0, 0, 0, 7))],
    [
      "that it holds four billion keys",
      (socket) => socket.write(Uint8Array.of(0, 0, 0, 5, 12, 255, 255, 255, 255)),
    ],
  ])("is not there when the agent says %s", async (_what, say) => {
    await listen(async (_message, socket) => void say(socket));
    await expectCodeAsync(openSshAgentKey({ socketPath, fingerprint, timeoutMs: 50 }), "SIGNER_FAILED");
  });
});
