/**
 * What the recipes of spec/vectors/conformance-witness.json come to for a witness that starts with nothing and answers everything right:
 * the bytes of each request. Slow and obvious, and shares nothing with the code under test.
 */
import { createHash } from "node:crypto";
import { leafHashOf, ReferenceTree, sha256 } from "../merkle.ts";
import { base64, join, payloadOf, type ReferenceKey, referenceKey, signatureLine, utf8 } from "../notes.ts";
import type { Edit, Recipe } from "./conformance-witness-case.ts";

const TREE_SIZE = 600;
/** Longer bodies are described by their length and hash. */
const MAX_EXAMPLE_BYTES = 4096;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** A log as the recipes know it. */
export interface RecipeLog {
  readonly name: string;
  readonly origin: string;
  readonly keys: readonly ReferenceKey[];
}

const tree = treeOf(TREE_SIZE);

function treeOf(forkedFrom: number): ReferenceTree {
  const entries = Array.from({ length: TREE_SIZE }, (_, i) => (i < forkedFrom ? `${i}` : `fork ${i}`));
  return new ReferenceTree(entries.map((entry) => leafHashOf(utf8(entry))));
}

/** What the runner sends for a case when S is this; without the body where the witness's own signatures are in it. */
export function exampleOf(request: Recipe, log: RecipeLog, S: number): Record<string, unknown> {
  const body = request.lines === undefined ? undefined : bodyOf(request, log, S);
  if (body === undefined) return { S };
  if (body.length > MAX_EXAMPLE_BYTES) {
    return { S, bodyLength: body.length, bodySha256: createHash("sha256").update(body).digest("hex") };
  }
  const text = Buffer.from(body).toString("utf8");
  return Buffer.from(text).equals(body)
    ? { S, body: text }
    : { S, bodyHex: Buffer.from(body).toString("hex") };
}

export function sizeOf(expression: string, S: number): number {
  if (!expression.startsWith("S")) return Number(expression);
  return S + Number(expression.slice(1) || "0");
}

function bodyOf(recipe: Recipe, log: RecipeLog, S: number): Uint8Array | undefined {
  const { lines = [], text, signatures, edits = [] } = recipe;
  const used = JSON.stringify(recipe);
  if (/\{(?:cosignatures|witness|forged-cosignature)/.test(used) || used.includes('"gzip"')) return undefined;
  const signed = bytesOf(replaceAll(text ?? [], { log, S, signed: "" }));
  const parts = [bytesOf(replaceAll(lines, { log, S, signed: "" }))];
  if (text !== undefined) parts.push(utf8("\n"), signed);
  if (signatures !== undefined) {
    parts.push(
      utf8("\n"),
      bytesOf(replaceAll(signatures, { log, S, signed: Buffer.from(signed).toString("latin1") })),
    );
  }
  return edits.reduce(edited, join(...parts));
}

interface Place {
  readonly log: RecipeLog;
  readonly S: number;
  /** The text to sign, a character a byte. */
  readonly signed: string;
}

function replaceAll(lines: readonly string[], place: Place): string {
  return lines
    .flatMap((line) => {
      const words = [...line.matchAll(/\{([^{}]*)\}/g)];
      if (words.length === 1 && words[0]?.[0] === line) return meaningOf(words[0][1] ?? "", place);
      return [line.replace(/\{([^{}]*)\}/g, (_, word: string) => meaningOf(word, place).join("\n"))];
    })
    .map((line) => `${line}\n`)
    .join("");
}

function meaningOf(word: string, { log, S, signed }: Place): string[] {
  const [name = "", a = "", b = "", ...more] = word.split(" ");
  const size = (expression: string) => sizeOf(expression, S);
  const how = [a, b, ...more];
  const grown = how.includes("fork") ? treeOf(S - 1) : tree;
  if (/^S|^[0-9]/.test(name)) return [`${size(name)}`];
  if (name === "origin") return [log.origin];
  if (name === "root") return spelled([base64(grown.root(size(a)))], how.slice(1));
  if (name === "hash") return [base64(sha256(utf8(`extra ${a}`)))];
  if (name === "proof") {
    const [from, to] = [size(a), size(b)];
    const proof = from === 0 || from === to ? [] : grown.proof(from, to);
    return spelled(
      proof.map((hash) => base64(hash)),
      more,
    );
  }
  if (name === "subtree-hash") return spelled([base64(tree.hash(size(a), size(b)))], more);
  if (name === "subtree-proof") {
    return spelled(
      tree.subtreeProof(size(a), size(b), S).map((hash) => base64(hash)),
      more,
    );
  }
  if (name === "sign") return [signatureOf(log, a, signed, how.slice(1))];
  if (name === "strangers") return strangers(Number(a), Number(b));
  if (name === "alias") {
    const key = log.keys[0] as ReferenceKey;
    return [signatureLine({ ...key, name: "alias.example/0" }, stretched("alias", 64)).trimEnd()];
  }
  throw new Error(`no word ${word}`);
}

function spelled(lines: string[], how: readonly string[]): string[] {
  let result = lines;
  for (const word of how.filter((one) => one !== "" && one !== "fork")) {
    if (word === "extra") result = [...result, base64(sha256(utf8("extra 1")))];
    else if (word === "drop-last") result = result.slice(0, -1);
    else if (word === "url-alphabet") result = result.map((line) => spell(line, word));
    else result = [spell(result[0] as string, word), ...result.slice(1)];
  }
  if (how.includes("url-alphabet") && result.join() === lines.join())
    throw new Error("nothing to spell otherwise");
  return result;
}

function spell(text: string, word: string): string {
  const bytes = Uint8Array.from(Buffer.from(text, "base64"));
  if (word === "padding-bits") {
    const at = text.indexOf("=") - 1;
    return text.slice(0, at) + ALPHABET[ALPHABET.indexOf(text[at] as string) + 1] + text.slice(at + 1);
  }
  if (word === "no-padding") return text.replaceAll("=", "");
  if (word === "url-alphabet") return text.replaceAll("+", "-").replaceAll("/", "_");
  if (word === "short") return base64(bytes.subarray(0, -1));
  if (word === "long") return base64(bytes, Uint8Array.of(0));
  if (word === "flipped") return base64(bytes.with(-1, (bytes.at(-1) as number) ^ 1));
  throw new Error(`no spelling ${word}`);
}

function signatureOf(log: RecipeLog, key: string, signed: string, how: readonly string[]): string {
  const signer = keyOf(log, key);
  const text = Buffer.from(signed, "latin1");
  const payload =
    signer.type === 1 ? signer.sign(Uint8Array.from(text)) : payloadOf(signer, text.toString("utf8"));
  const [dash, name, blob = ""] = signatureLine(signer, payload).trimEnd().split(" ");
  return `${dash} ${name} ${how.filter((word) => word !== "").reduce(spell, blob)}`;
}

function keyOf(log: RecipeLog, key: string): ReferenceKey {
  if (key === "stranger") return referenceKey("stranger.example/0", 1, 0xa0);
  if (key === "impostor") return referenceKey(log.origin, 1, 0xa1);
  return log.keys[key === "log2" ? 1 : 0] as ReferenceKey;
}

function strangers(count: number, bytes: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const name = `stranger.example/${i + 1}`;
    return `— ${name} ${base64(stretched(name, 4 + bytes))}`;
  });
}

function stretched(seed: string, length: number): Uint8Array {
  const blocks = [];
  for (let block = 0; block * 32 < length; block++) blocks.push(sha256(utf8(`${seed} ${block}`)));
  return join(...blocks).subarray(0, length);
}

/** U+E000 to U+E0FF stand for bytes. */
function bytesOf(text: string): Uint8Array {
  const parts = text.split(/([\ue000-\ue0ff])/).map((part) => {
    const code = part.codePointAt(0) ?? 0;
    return code >= 0xe000 && code <= 0xe0ff ? Uint8Array.of(code - 0xe000) : utf8(part);
  });
  return join(...parts);
}

function edited(body: Uint8Array, edit: Edit): Uint8Array {
  if ("cut" in edit) return body.subarray(0, body.length - edit.cut);
  if ("append" in edit) return join(body, bytesOf(edit.append));
  if ("gzip" in edit) return body;
  const text = Buffer.from(body).toString("latin1");
  const from = Buffer.from(edit.replace).toString("latin1");
  const to = Buffer.from(bytesOf(edit.with)).toString("latin1");
  const pieces = text.split(from);
  const chosen = {
    all: pieces.join(to),
    first:
      pieces.slice(0, 2).join(to) +
      pieces
        .slice(2)
        .map((piece) => from + piece)
        .join(""),
    last: pieces.slice(0, -1).join(from) + to + pieces.at(-1),
  };
  return Uint8Array.from(Buffer.from(chosen[edit.which], "latin1"));
}
