import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { formatAddCheckpoint, parseAddCheckpoint } from "../../src/tlog/add-checkpoint.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { parseNote, signNote } from "../../src/tlog/note.ts";
import { hasGo } from "./go-programs.ts";
import {
  type FieldLog,
  type Member,
  PATIENCE_MS,
  PEERS,
  startWitnessField,
  type WitnessField,
} from "./witness-field.ts";
import { type Conduct, forgedLines, requestChanged, withLetterChanged } from "./witness-proxy.ts";

/** All that are installed, beside ours. */
const peers = PEERS.map(({ name }) => name);
const names = ["own", ...peers];
const skipped = !hasGo("go-cosigned") || peers.length === 0;

let field: WitnessField;
let opened: FieldLog;

beforeAll(async () => {
  if (!skipped) field = await startWitnessField(names);
});

afterAll(async () => {
  if (!skipped) await field.close();
});

beforeEach(async () => {
  if (!skipped) opened = await field.open(1);
});

afterEach(async () => {
  if (!skipped) await opened.log.close();
});

function allBehave(conduct: Conduct | undefined): void {
  for (const { proxy } of field.members) proxy.behave(conduct);
}

/** What each member answers to the next head, with what our log makes of it for the member's first key. */
async function answersTo(conduct: Conduct): Promise<Readonly<Record<string, string>>> {
  allBehave(conduct);
  const begun = field.members.map(({ proxy }) => proxy.answers.length);
  const size = opened.log.published().treeSize;
  await opened.log.add(encodeUtf8(`entry ${size}`));
  await vi.waitFor(() => expect(opened.missed.length).toBeGreaterThan(0), { timeout: PATIENCE_MS });
  expect(opened.log.published().treeSize).toBe(size);
  expect(opened.log.witnessing()?.isQuorumMissing).toBe(true);
  const told = (member: Member): string => `${field.failing(opened, member)[0]}`;
  return Object.fromEntries(
    field.members.map((member, index) => {
      return [member.name, `${member.proxy.answers[begun[index] ?? 0]} ${told(member)}`];
    }),
  );
}

/** The same answer of everybody, but for those who do otherwise than the document says. */
function wanted(
  answer: string,
  others: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, others[name] ?? answer]));
}

/** One letter of the first hash of the proof. */
function withProofChanged(body: Uint8Array): Uint8Array {
  const text = decodeUtf8(body);
  const at = text.indexOf("\n") + 8;
  if (text.indexOf("\n\n") < at) throw new Error(`no proof in ${text}`);
  return encodeUtf8(withLetterChanged(text, at));
}

/** One letter of the log's signature, which is the last line. */
function withSignatureChanged(body: Uint8Array): Uint8Array {
  return encodeUtf8(withLetterChanged(decodeUtf8(body), -30));
}

/** One letter of the root hash; the signature is that of the true one. */
function withRootChanged(body: Uint8Array): Uint8Array {
  const text = decodeUtf8(body);
  return encodeUtf8(withLetterChanged(text, text.indexOf("\n\n— ") - 20));
}

/** One letter of the root hash, and the log signs that: what a log does that has forked. */
async function withRootForked(body: Uint8Array): Promise<Uint8Array> {
  const changed = parseAddCheckpoint(withRootChanged(body));
  const { text } = parseNote(changed.checkpoint);
  return formatAddCheckpoint({ ...changed, checkpoint: await signNote(text, [field.signer]) });
}

describe.skipIf(skipped)(`a log whose heads are changed on their way to ${names.join(", ")}`, () => {
  const changes: readonly {
    what: string;
    conduct: Conduct;
    answers: Readonly<Record<string, string>>;
  }[] = [
    {
      what: "a hash of the proof",
      conduct: requestChanged(withProofChanged),
      answers: wanted("422 ROOT_MISMATCH"),
    },
    {
      what: "a byte of the log's signature",
      conduct: requestChanged(withSignatureChanged),
      answers: wanted("403 REMOTE_REFUSED", { omniwitness: "500 REMOTE_REFUSED" }),
    },
    {
      what: "a byte of the root hash",
      conduct: requestChanged(withRootChanged),
      answers: wanted("403 REMOTE_REFUSED", { omniwitness: "500 REMOTE_REFUSED" }),
    },
    {
      what: "a byte of the cosignature, on its way back",
      conduct: forgedLines,
      answers: wanted("200 SIGNATURE_INVALID"),
    },
    {
      what: "the root hash, and the log signs it", // the last one: a good witness trusts that log no more
      conduct: requestChanged(withRootForked),
      answers: wanted("422 ROOT_MISMATCH"),
    },
  ];

  it.each(changes)("is refused by each, and publishes nothing: $what", async ({ what, conduct, answers }) => {
    await field.untilAllCosign(opened);
    expect(await answersTo(conduct)).toEqual(answers);
    allBehave(undefined);
    if (!what.endsWith("the log signs it")) await field.untilAllCosign(opened);
  });
});
