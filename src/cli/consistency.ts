import { LogForkedError } from "../../client/errors.ts";
import { TlogError } from "../errors.ts";
import { hashesEqual } from "../merkle/hash.ts";
import { openCheckpoint, type VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import { encodeBase64 } from "../tlog/encoding.ts";
import { evidenceFromHeads } from "../tlog/fork-evidence-build.ts";
import { MAX_NOTE_BYTES } from "../tlog/note.ts";
import { addExamples, addSettings, type Call, type CommandDefinition } from "./command.ts";
import { readSmallFile } from "./files.ts";
import { openRemote, type Remote } from "./remote.ts";
import { REMOTE_SETTINGS } from "./remote-settings.ts";

/** `consistency`: shows that one checkpoint's tree is the beginning of another's. */
export const consistency: CommandDefinition = {
  define(command) {
    command
      .argument("<checkpoint>", "a file of `checkpoint --save`; - for standard input")
      .argument("[other]", "a second one; without it, the log's checkpoint of now");
    addSettings(command, REMOTE_SETTINGS);
    addExamples(command, [
      "bristlecone consistency monday.checkpoint tuesday.checkpoint",
      "bristlecone consistency monday.checkpoint",
    ]);
  },
  async run(call) {
    const remote = await openRemote(call);
    const [first, second] = await Promise.all([
      openSaved(call, remote, call.args[0] ?? "-"),
      openOther(call, remote),
    ]);
    const [older, newer] = first.treeSize <= second.treeSize ? [first, second] : [second, first];
    const proof = await proveBetween(call, remote, { older, newer });
    const sizes = { fromSize: older.treeSize, toSize: newer.treeSize };
    const roots = { fromRoot: encodeBase64(older.rootHash), toRoot: encodeBase64(newer.rootHash) };
    await call.output.result({
      text: [
        "CONSISTENT",
        `proven       the ${sizes.fromSize} entries of the older tree are the first of the ${sizes.toSize} of the newer`,
        `log          ${older.origin}`,
        `older root   ${roots.fromRoot}`,
        `newer root   ${roots.toRoot}`,
        `trusted      ${remote.trustWords}`,
      ].join("\n"),
      json: { consistent: true, origin: older.origin, ...sizes, ...roots, proof: proof.map(encodeBase64) },
    });
  },
};

async function openOther(call: Call, remote: Remote): Promise<VerifiedCheckpoint> {
  const path = call.args[1];
  return path === undefined
    ? remote.client.checkpoint({ signal: call.signal })
    : openSaved(call, remote, path);
}

async function openSaved({ stdin }: Call, { trust }: Remote, path: string): Promise<VerifiedCheckpoint> {
  const signedNote = await readSmallFile(path, {
    maxBytes: MAX_NOTE_BYTES,
    tooLarge: "NOTE_MALFORMED",
    stdin,
  });
  try {
    return await openCheckpoint({ signedNote, policy: trust.policy, expectedOrigin: trust.origin });
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError(cause.code, `${path}: ${cause.message}`, { cause });
  }
}

/**
 * The proof comes from the log's tiles, under the head it shows now, so that head is a third witness: it is compared with the
 * newer checkpoint first, and only when these two agree can the proof speak about the older one.
 * @throws {TlogError} LOG_FORKED ({@link LogForkedError} with the two heads that contradict each other). NOT_PUBLISHED: the
 *   log shows less than them.
 */
async function proveBetween(
  { signal }: Call,
  remote: Remote,
  { older, newer }: { readonly older: VerifiedCheckpoint; readonly newer: VerifiedCheckpoint },
): Promise<readonly Uint8Array[]> {
  const { client } = remote;
  if (older.treeSize === newer.treeSize) {
    // Two roots of one size need no proof: they are equal or they are a fork.
    if (hashesEqual(older.rootHash, newer.rootHash)) return [];
    throw await forked(remote, [older, newer], { fromRoot: newer.rootHash, proof: [] });
  }
  const sizes = { fromSize: older.treeSize, toSize: newer.treeSize };
  const between = await client.consistency(sizes, { signal });
  const { fromRoot, toRoot, proof, head } = between;
  if (!hashesEqual(toRoot, newer.rootHash)) {
    const beyond = { fromSize: newer.treeSize, toSize: head.treeSize };
    throw await forked(remote, [newer, head], await client.consistency(beyond, { signal }));
  }
  if (!hashesEqual(fromRoot, older.rootHash)) throw await forked(remote, [older, newer], between);
  return proof;
}

async function forked(
  { trust: { origin, logKeys } }: Remote,
  [smaller, larger]: readonly [VerifiedCheckpoint, VerifiedCheckpoint],
  { fromRoot, proof }: { readonly fromRoot: Uint8Array; readonly proof: readonly Uint8Array[] },
): Promise<LogForkedError> {
  const heads = { remembered: smaller.signedNote, shown: larger.signedNote };
  const finding = { origin, alternativeRoot: fromRoot, proof };
  const notes = [heads.remembered, heads.shown] as const;
  return new LogForkedError(
    `NOT CONSISTENT: ${origin} signed size ${smaller.treeSize} and size ${larger.treeSize} of two different histories`,
    { ...finding, ...heads },
    await evidenceFromHeads({ ...finding, notes, logKeys }),
  );
}
