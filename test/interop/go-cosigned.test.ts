import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Log, openLog, openMemoryStore } from "../../src/server.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { entry, testSigner } from "../log/harness.ts";
import { goCheckpointOpener, hasGo, keyIdIn } from "./go-programs.ts";
import { type OwnWitness, startOwnWitness } from "./own-witness.ts";
import { withLetterChanged } from "./witness-proxy.ts";

const ORIGIN = "cosigned.test/log";
const skipped = !hasGo("go-cosigned");

let log: Log;
let logVkey: string;
let witness: OwnWitness;
let openInGo: Awaited<ReturnType<typeof goCheckpointOpener>>;
/** The log's signature, one by an Ed25519 key of the witness, one by its ML-DSA-44 key. */
let lines: readonly string[];
let body: string;

beforeAll(async () => {
  if (skipped) return;
  const signer = await testSigner(5, ORIGIN);
  logVkey = formatVerifierKey(signer.verifierKey);
  witness = await startOwnWitness([{ origin: ORIGIN, vkey: logVkey }]);
  const rows = witness.vkeys.map((vkey, index) => `witness w${index} ${vkey} ${witness.url}`);
  const policy = `log ${logVkey}\n${rows.join("\n")}\ngroup q all w0 w1\nquorum q\n`;
  log = await openLog({ store: openMemoryStore({ origin: ORIGIN }), signer, witnesses: { policy } });
  await log.add(entry(0));
  const { checkpoint } = await log.untilPublished(0, { signal: AbortSignal.timeout(30_000) });
  const [text = "", signatures = ""] = decodeUtf8(checkpoint).split("\n\n");
  body = text;
  const all = signatures.trimEnd().split("\n");
  const vkeyOrder = [logVkey, ...witness.vkeys];
  lines = vkeyOrder.map((vkey) => all.find((line) => keyIdOfLine(line) === keyIdIn(vkey)) ?? "");
  openInGo = await goCheckpointOpener();
});

afterAll(async () => {
  if (skipped) return;
  await log.close();
  await witness.stop();
});

/** The first four bytes of a signature, in hex. */
function keyIdOfLine(line: string): string {
  return Buffer.from(line.split(" ")[2] ?? "", "base64").toString("hex", 0, 4);
}

async function opened(signatures: readonly string[]): Promise<readonly string[]> {
  const note = encodeUtf8(`${body}\n\n${signatures.map((line) => `${line}\n`).join("")}`);
  return (await openInGo(note, logVkey, witness.vkeys)).cosignatures.map(({ keyId }) => keyId);
}

describe.skipIf(skipped)("transparency-dev's verifiers of cosignatures", () => {
  it("open what our log signed and our witness cosigned with both of its keys", async () => {
    expect(await opened(lines)).toEqual(witness.vkeys.map(keyIdIn));
  });

  it.each([
    ["the log's signature", 0],
    ["an Ed25519 cosignature", 1],
    ["an ML-DSA-44 cosignature", 2],
  ] as const)("notice one letter of %s changed", async (_what, index) => {
    const changed = lines.map((line, at) => (at === index ? withLetterChanged(line, -20) : line));
    await expect(opened(changed)).rejects.toThrow(
      new RegExp(`invalid signature for key ${index === 0 ? ORIGIN : witness.name}\\+`),
    );
  });

  it("do not miss that a cosignature's time was changed", async () => {
    // Behind the key ID, 8 bytes of time: the last letter but one of them.
    const [name = "", key = "", signature = ""] = (lines[1] ?? "").split(" ");
    const changed = [lines[0] ?? "", [name, key, withLetterChanged(signature, 13)].join(" ")];
    await expect(opened(changed)).rejects.toThrow("invalid signature for key");
  });
});
