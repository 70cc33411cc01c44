/** From a case's recipe and where the witness stands to the request that goes out. */
import { concatBytes, encodeUtf8 } from "../../tlog/encoding.ts";
import type { ProbeRequest } from "../probe.ts";
import type { WitnessEdit, WitnessRecipe } from "./cases.ts";
import { type RecipeState, replaceWords } from "./words.ts";

/** What is sent, and the parts of it that the answer is judged by. */
export interface BuiltRequest {
  readonly request: ProbeRequest;
  /** The checkpoint's text; empty if there is none. */
  readonly text: Uint8Array;
  /** As they were before any edit. */
  readonly signatureLines: readonly string[];
}

/** @throws {InapplicableError} and {TlogError} CASES_MALFORMED */
export async function buildRequest(recipe: WitnessRecipe, state: RecipeState): Promise<BuiltRequest> {
  const [path = ""] = await replaceWords(recipe.path, state);
  const text = recipe.text === undefined ? new Uint8Array(0) : linesOf(await replaced(recipe.text, state));
  const signatureLines = await replaced(recipe.signatures ?? [], state, text);
  const body = await bodyOf(recipe, state, { text, signatureLines });
  const { method, headers } = recipe;
  const request = { method, path, ...(headers === undefined ? {} : { headers }) };
  return { request: body === undefined ? request : { ...request, body }, text, signatureLines };
}

async function bodyOf(
  { lines, text: textLines, signatures, edits = [] }: WitnessRecipe,
  state: RecipeState,
  { text, signatureLines }: Pick<BuiltRequest, "text" | "signatureLines">,
): Promise<Uint8Array | undefined> {
  if (lines === undefined) return undefined;
  const newline = Uint8Array.of(0x0a);
  const parts = [linesOf(await replaced(lines, state))];
  if (textLines !== undefined) parts.push(newline, text);
  if (signatures !== undefined) parts.push(newline, linesOf(signatureLines));
  let body = concatBytes(...parts);
  for (const edit of edits) body = await edited(body, edit);
  return body;
}

async function replaced(
  lines: readonly string[],
  state: RecipeState,
  text?: Uint8Array,
): Promise<readonly string[]> {
  const all: string[] = [];
  for (const line of lines) all.push(...(await replaceWords(line, state, text)));
  return all;
}

function linesOf(lines: readonly string[]): Uint8Array {
  return latin1OrUtf8(lines.map((line) => `${line}\n`).join(""));
}

/** U+E0XX, which no recipe means, stands for the byte XX: so a recipe can hold what is not UTF-8. */
function latin1OrUtf8(text: string): Uint8Array {
  const parts = text.split(/([\ue000-\ue0ff])/).map((part) => {
    const code = part.charCodeAt(0);
    return code >= 0xe000 && code <= 0xe0ff ? Uint8Array.of(code - 0xe000) : encodeUtf8(part);
  });
  return concatBytes(...parts);
}

async function edited(body: Uint8Array, edit: WitnessEdit): Promise<Uint8Array> {
  if ("cut" in edit) return body.slice(0, body.length - edit.cut);
  if ("append" in edit) return concatBytes(body, latin1OrUtf8(edit.append));
  if ("gzip" in edit) return await gzipped(body);
  return replacedIn(body, edit);
}

function replacedIn(body: Uint8Array, edit: Extract<WitnessEdit, { readonly replace: string }>): Uint8Array {
  const wanted = encodeUtf8(edit.replace);
  const places = placesOf(wanted, body);
  const chosen = edit.which === "all" ? places : places.slice(edit.which === "first" ? 0 : -1).slice(0, 1);
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const at of chosen) {
    parts.push(body.slice(end, at), latin1OrUtf8(edit.with));
    end = at + wanted.length;
  }
  return concatBytes(...parts, body.slice(end));
}

/** Where the bytes stand, one after the other without overlap. */
function placesOf(wanted: Uint8Array, body: Uint8Array): readonly number[] {
  const places: number[] = [];
  for (let at = 0; at + wanted.length <= body.length; ) {
    const isHere = wanted.every((byte, index) => body[at + index] === byte);
    if (isHere) places.push(at);
    at += isHere ? wanted.length : 1;
  }
  return places;
}

async function gzipped(body: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([new Uint8Array(body)]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
