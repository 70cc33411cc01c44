/** What a checkpoint's bytes have to be.  c2sp.org/signed-note, tlog-checkpoint */
import { orUndefined, TlogError } from "../../errors.ts";
import { emptyRootHash } from "../../merkle/hash.ts";
import { parseCheckpoint } from "../../tlog/checkpoint-body.ts";
import { decodeBase64, decodeUtf8, encodeBase64 } from "../../tlog/encoding.ts";
import { ED25519, isKeyName, keyLabel, type VerifierKey, verifierFor } from "../../tlog/key.ts";
import { KEY_HISTORY_PATH, keysAt, openKeyHistory } from "../../tlog/key-history.ts";
import { parseNote, verifyNote } from "../../tlog/note.ts";
import { type Finding, met, metIf, notRun, reported, unmet } from "./finding.ts";
import {
  assertNoRedirection,
  contentOf,
  FIRST,
  get,
  type LogSubject,
  type NoteParts,
  noteParts,
} from "./subject.ts";

/** Enough for every verifier: signed-note, "Format". */
const MAX_SIGNATURES = 16;

type Check = (subject: LogSubject) => Promise<Finding>;

/** The checks of a checkpoint's bytes, by name. */
export const CHECKPOINT_CHECKS = {
  "note-text": onBytes((bytes) => {
    const control = bytes.find((byte) => byte < 0x20 && byte !== 0x0a);
    if (control !== undefined) return unmet(`the byte 0x${control.toString(16).padStart(2, "0")}`);
    return metIf(noteParts(bytes) !== undefined, `${bytes.length} bytes`);
  }),
  "note-newline": onBytes((bytes) =>
    metIf(bytes.at(-1) === 0x0a, `the last byte is ${bytes.at(-1) ?? "none"}`),
  ),
  "note-lines": onNote(({ signatureLines = [] }) => {
    const bad = signatureLines.find((line) => !isSignatureLine(line));
    if (bad !== undefined) return unmet(bad);
    return metIf(signatureLines.length > 0, `${signatureLines.length} signature lines`);
  }),
  "note-base64": onNote(({ signatureLines = [] }) => {
    const texts = signatureLines.map((line) => line.split(" ").at(-1) ?? "");
    const bad = texts.find((base64) => orUndefined(() => decodeBase64(base64)) === undefined);
    return bad === undefined ? met(`${texts.length} signatures`) : unmet(bad);
  }),
  "note-count": onNote(({ signatureLines = [] }) =>
    metIf(signatureLines.length <= MAX_SIGNATURES, `${signatureLines.length} signature lines`),
  ),
  "checkpoint-lines": onNote(({ text }, { origin }) => {
    const lines = linesOf(text);
    if (lines.includes("") || lines.length < 3) return unmet(text);
    return metIf(origin === undefined || lines[0] === origin, lines[0] ?? "");
  }),
  "origin-form": onNote(({ text }) => {
    const [origin = ""] = linesOf(text);
    return metIf(/^[^\p{White_Space}+]+$/u.test(origin) && !/^[a-z]+:\/\/|\/$/i.test(origin), origin);
  }),
  "origin-is-prefix": onNote(({ text }, { url }) => {
    const [origin = ""] = linesOf(text);
    const prefix = url.replace(/^[a-z]+:\/\//i, "").replace(/\/$/, "");
    return origin === prefix ? met(origin) : reported(`${origin} at ${prefix}`);
  }),
  "checkpoint-size": onNote(({ text }) => {
    const size = linesOf(text)[1] ?? "";
    return metIf(/^(?:0|[1-9][0-9]*)$/.test(size), size);
  }),
  "checkpoint-root": onNote(({ text }) => {
    const root = linesOf(text)[2] ?? "";
    return metIf(orUndefined(() => decodeBase64(root))?.length === 32, root);
  }),
  "checkpoint-extensions": onNote(({ text }) => {
    const count = linesOf(text).length;
    return metIf(count <= 3, `${count} lines`);
  }),
  "empty-root": onNote(({ text }) => {
    const [, size = "", root = ""] = linesOf(text);
    if (size !== "0") return notRun(`needs an empty tree: the tree has ${size} entries`);
    return metIf(root === encodeBase64(emptyRootHash()), root);
  }),
  "signed-by-key": (subject) => verified(subject, subject.logKeys, "needs a key of the log"),
  "signed-ed25519": (subject) =>
    verified(
      subject,
      subject.logKeys.filter(({ type }) => type === ED25519),
      "needs an Ed25519 key of the log",
    ),
  "key-name": onNote(({ text, signatureLines = [] }) => {
    const names = signatureLines.map((line) => line.split(" ")[1] ?? "");
    return metIf(names.includes(linesOf(text)[0] ?? ""), names.join(" "));
  }),
  "signature-types": onNote(({ signatureLines = [] }) => {
    const shown = signatureLines.map((line) => {
      const [, name = "", base64 = ""] = line.split(" ");
      const bytes = orUndefined(() => decodeBase64(base64, { paddingBits: "ignored" }));
      return `${name} ${bytes === undefined ? "?" : bytes.length - 4}`;
    });
    return reported(shown.join(", "));
  }),
} satisfies Record<string, Check>;

function onBytes(judge: (bytes: Uint8Array, subject: LogSubject) => Finding): Check {
  return async (subject) => {
    const bytes = await checkpointBytes(subject);
    return "outcome" in bytes ? bytes : judge(bytes, subject);
  };
}

/** The first checkpoint, decoded as it says. */
async function checkpointBytes(subject: LogSubject): Promise<Uint8Array | Finding> {
  const answer = await subject.ask(FIRST);
  assertNoRedirection(answer);
  if (answer.status !== 200) return notRun(`needs a checkpoint: answered ${answer.status}`);
  return (await contentOf(answer)) ?? notRun("needs a checkpoint that is encoded as it says");
}

function onNote(judge: (note: NoteParts, subject: LogSubject) => Finding): Check {
  return onBytes((bytes, subject) => {
    const note = noteParts(bytes);
    return note === undefined ? notRun("needs a checkpoint in UTF-8") : judge(note, subject);
  });
}

/** verifyNote looks at a key's first line only; here a bad line behind a good one counts as well. */
async function verified(subject: LogSubject, given: readonly VerifierKey[], needs: string): Promise<Finding> {
  const bytes = await checkpointBytes(subject);
  if (given.length === 0) return notRun(needs);
  if ("outcome" in bytes) return bytes;
  const names: string[] = [];
  let successors: readonly VerifierKey[] | undefined; // of keys that did not sign
  try {
    const { text, signatures } = parseNote(bytes);
    const hasSigned = (one: VerifierKey): boolean =>
      signatures.some((line) => keyLabel(line) === keyLabel(one));
    if (!given.some(hasSigned)) successors = await successorsOf(given, text, subject);
    const keys = successors ?? given;
    const verifiers = keys.map((key) => verifierFor(key));
    for (const signature of signatures) {
      if (!keys.some((key) => keyLabel(key) === keyLabel(signature))) continue;
      await verifyNote({ text, signatures: [signature] }, verifiers);
      names.push(signature.name);
    }
  } catch (error) {
    if (error instanceof TlogError) return unmet(error.message);
    throw error;
  }
  if (names.length === 0) return unmet("no line of a given key");
  const way =
    successors === undefined ? "" : `, with what took the place of the given key (${KEY_HISTORY_PATH})`;
  return met(`signed by ${names.join(", ")}${way}`);
}

/** The keys that speak for the checkpoint's tree, where the log shows a signed history that begins with a given one. spec/key-history.md */
async function successorsOf(
  given: readonly VerifierKey[],
  text: Uint8Array,
  { ask }: LogSubject,
): Promise<readonly VerifierKey[] | undefined> {
  const answer = await ask(get(KEY_HISTORY_PATH));
  const history = answer.status === 200 ? await contentOf(answer) : undefined;
  if (history === undefined) return undefined;
  const { origin, treeSize } = parseCheckpoint(decodeUtf8(text));
  const trusted = given.filter(({ name }) => name === origin);
  return keysAt(await openKeyHistory({ history, origin, trusted }), trusted, treeSize);
}

/** The text's lines; what follows the last newline counts as one when it is not empty. */
function linesOf(text: string): readonly string[] {
  return (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
}

/** signed-note, "Format"; whether the base64 is canonical is another question. */
function isSignatureLine(line: string): boolean {
  const [, name = "", base64 = ""] = /^— ([^ ]*) (.*)$/u.exec(line) ?? [];
  const bytes = orUndefined(() => decodeBase64(base64, { paddingBits: "ignored" }));
  return isKeyName(name) && bytes !== undefined && bytes.length > 4;
}
