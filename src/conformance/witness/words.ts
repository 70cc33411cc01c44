/** "old {S}", "{proof S S+4}", "{sign log}": the words of recipes, and what a line becomes when they are replaced. */
import { sha256 } from "#crypto";
import { TlogError } from "../../errors.ts";
import { concatBytes, encodeBase64, encodeUtf8, formatDecimal, parseDecimal } from "../../tlog/encoding.ts";
import {
  ED25519,
  formatSigningKey,
  generateSigningKey,
  type NoteSigner,
  openSigner,
  type VerifierKey,
} from "../../tlog/key.ts";
import { noteSignature } from "../../tlog/note.ts";
import { InapplicableError } from "../inapplicable.ts";
import { sizeOf } from "./cases.ts";
import { NumberTree } from "./number-tree.ts";
import { SPELLINGS } from "./spelling.ts";
import type { TestLog } from "./test-logs.ts";

/** What the words refer to. */
export interface RecipeState {
  readonly log: TestLog;
  /** The size of the newest checkpoint the witness cosigned; 0 if none. */
  readonly S: number;
  readonly tree: NumberTree;
  /** The lines the witness answered for size S, without their newlines. */
  readonly cosignatures: readonly string[];
  readonly witnessKeys: readonly VerifierKey[];
}

type Word = (args: readonly string[], state: RecipeState, text: Uint8Array) => Lines | Promise<Lines>;
type Lines = readonly string[];

const FORGED_BYTES = 72;

const WORDS: ReadonlyMap<string, Word> = new Map<string, Word>([
  ["origin", (_, { log }) => [log.origin]],
  ["origin-hash", (_, { log }) => [log.originHash]],
  ["ORIGIN-HASH", (_, { log }) => [log.originHash.toUpperCase()]],
  ["root", rootWord],
  ["proof", proofWord],
  [
    "subtree-hash",
    ([start = "", end = "", ...how], state) => hashLines([subtreeHash(start, end, state)], how),
  ],
  ["subtree-proof", subtreeProofWord],
  ["hash", ([number = ""]) => [encodeBase64(extraHash(number))]],
  [
    "sign",
    async ([key = "", ...how], state, text) => [respelled(await signatureLine(key, state, text), how)],
  ],
  ["strangers", ([count = "", bytes = ""]) => strangerLines(parseDecimal(count), parseDecimal(bytes))],
  ["alias", (_, { log }) => [aliasLine(log)]],
  ["cosignatures", (how, { cosignatures }) => cosignatures.map((line) => respelled(line, how))],
  ["witness", (_, { witnessKeys }) => [witnessKey(witnessKeys).name]],
  ["forged-cosignature", (_, { witnessKeys }) => [forgedCosignature(witnessKey(witnessKeys))]],
]);

/**
 * Replaces the words of a line.
 * @param text - the checkpoint's text, for the words that sign it.
 * @returns the lines it becomes: a word that stands alone may become none or several.
 * @throws {InapplicableError} and {TlogError} CASES_MALFORMED
 */
export async function replaceWords(
  line: string,
  state: RecipeState,
  text: Uint8Array = new Uint8Array(0),
): Promise<Lines> {
  const [, alone] = /^\{([^{}]*)\}$/.exec(line) ?? [];
  if (alone !== undefined) return await replaceWord(alone, state, text);
  let result = "";
  let end = 0;
  for (const { 0: whole, 1: word = "", index } of line.matchAll(/\{([^{}]*)\}/g)) {
    result += line.slice(end, index) + (await replaceWord(word, state, text)).join("\n");
    end = index + whole.length;
  }
  return [result + line.slice(end)];
}

async function replaceWord(text: string, state: RecipeState, signed: Uint8Array): Promise<Lines> {
  const [name = "", ...args] = text.split(" ");
  const word = WORDS.get(name);
  if (word !== undefined) return await word(args, state, signed);
  if (/^(?:S(?:[+-][0-9]+)?|[0-9]+)$/.test(name)) return [formatDecimal(size(name, state))];
  throw new TlogError("CASES_MALFORMED", `a recipe has the word ${JSON.stringify(name)}`);
}

function size(expression: string, { S }: RecipeState): number {
  const value = sizeOf(expression, S);
  if (value >= 0) return value;
  throw new InapplicableError(`the witness's tree of size ${S} is too small`);
}

function rootWord([treeSize = "", ...how]: readonly string[], state: RecipeState): Lines {
  const { tree, spellings } = treeFor(how, state);
  return hashLines([tree.root(size(treeSize, state))], spellings);
}

function proofWord([from = "", to = "", ...how]: readonly string[], state: RecipeState): Lines {
  const { tree, spellings } = treeFor(how, state);
  const sizes = { fromSize: size(from, state), toSize: size(to, state) };
  return hashLines(tree.consistencyProof(sizes), spellings);
}

function subtreeProofWord([start = "", end = "", ...how]: readonly string[], state: RecipeState): Lines {
  const range = { start: size(start, state), end: size(end, state) };
  return hashLines(state.tree.subtreeProof({ ...range, treeSize: state.S }), how);
}

function subtreeHash(start: string, end: string, state: RecipeState): Uint8Array {
  return state.tree.subtreeHash({ start: size(start, state), end: size(end, state) });
}

/** "fork": the tree whose entries from S - 1 on are others. */
function treeFor(how: readonly string[], { tree, S }: RecipeState) {
  const isFork = how.includes("fork");
  return { tree: isFork ? new NumberTree(S - 1) : tree, spellings: how.filter((word) => word !== "fork") };
}

/** Base64, one hash a line: with one too many or too few, or spelled otherwise. */
function hashLines(hashes: readonly Uint8Array[], how: readonly string[]): Lines {
  let lines: Lines = hashes.map(encodeBase64);
  for (const word of how) lines = changedLines(lines, word);
  return lines;
}

function changedLines(lines: Lines, word: string): Lines {
  if (word === "extra") return [...lines, encodeBase64(extraHash("1"))];
  if (lines.length === 0) throw new InapplicableError("at this size the proof is empty");
  if (word === "drop-last") return lines.slice(0, -1);
  if (word === "url-alphabet") return anyChanged(lines, word);
  const [first = "", ...rest] = lines;
  return [spell(first, word), ...rest];
}

/** Every line is spelled so where it can be. */
function anyChanged(lines: Lines, word: string): Lines {
  return lines.join("\n").search(/[+/]/) < 0
    ? [spell(lines[0] ?? "", word)]
    : lines.map((line) => (/[+/]/.test(line) ? spell(line, word) : line));
}

/** The base64 at the end of a signature line, spelled otherwise. */
function respelled(line: string, how: readonly string[]): string {
  const at = line.lastIndexOf(" ") + 1;
  return line.slice(0, at) + how.reduce(spell, line.slice(at));
}

function spell(base64: string, word: string): string {
  const spelling = SPELLINGS.get(word);
  if (spelling === undefined)
    throw new TlogError("CASES_MALFORMED", `there is no spelling ${JSON.stringify(word)}`);
  return spelling(base64);
}

async function signatureLine(key: string, { log }: RecipeState, text: Uint8Array): Promise<string> {
  const signer = await signerOf(key, log);
  return noteSignature(signer.verifierKey, await signer.sign(text)).line;
}

async function signerOf(key: string, log: TestLog): Promise<NoteSigner> {
  const [first, second] = log.signers;
  if (key === "log" && first !== undefined) return first;
  if (key === "log2" && second !== undefined) return second;
  if (key === "stranger") return await madeUpSigner("stranger.example/0", 0xa0);
  if (key === "impostor") return await madeUpSigner(log.origin, 0xa1);
  throw new TlogError("CASES_MALFORMED", `the log ${log.name} has no key ${JSON.stringify(key)}`);
}

async function madeUpSigner(name: string, seedByte: number): Promise<NoteSigner> {
  const seed = new Uint8Array(32).fill(seedByte);
  return await openSigner(formatSigningKey(await generateSigningKey({ name, type: ED25519, seed })));
}

/** Lines of keys that nobody has. */
function strangerLines(count: number, payloadBytes: number): Lines {
  return Array.from({ length: count }, (_, index) => {
    const name = `stranger.example/${index + 1}`;
    const bytes = stretched(name, 4 + payloadBytes);
    return `— ${name} ${encodeBase64(bytes)}`;
  });
}

/** SHA-256 of "seed 0", "seed 1", …, one after the other. */
function stretched(seed: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, block) =>
    sha256(encodeUtf8(`${seed} ${block}`)),
  );
  return concatBytes(...blocks).slice(0, length);
}

function aliasLine({ signers: [signer] }: TestLog): string {
  if (signer === undefined) throw new TlogError("CASES_MALFORMED", "a log without a key");
  const key = { ...signer.verifierKey, name: "alias.example/0" };
  return noteSignature(key, stretched("alias", 64)).line;
}

function forgedCosignature(key: VerifierKey): string {
  return noteSignature(key, stretched("forged", FORGED_BYTES)).line;
}

function witnessKey([key]: readonly VerifierKey[]): VerifierKey {
  if (key !== undefined) return key;
  throw new InapplicableError("no key of the witness is given");
}

function extraHash(number: string): Uint8Array {
  return sha256(encodeUtf8(`extra ${number}`));
}
