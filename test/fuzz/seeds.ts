/** Good inputs out of the language-neutral vectors: they have an example of most of what a format may hold. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "./target.ts";

type Vector = Readonly<Record<string, unknown>>;

const files = new Map<string, readonly Vector[]>(); // owned by casesOf()

/** The values of one member of all cases of a file of `spec/vectors`. */
export function vectorTexts(file: string, member: string): readonly string[] {
  const values = casesOf(file).map((one) => one[member]);
  return [...new Set(values.filter((value) => typeof value === "string"))].filter(
    (text) => text.length < 12_000,
  );
}

function casesOf(file: string): readonly Vector[] {
  const known = files.get(file);
  if (known !== undefined) return known;
  // Bundled, this file does not know where it was.
  const path = join(process.cwd(), "spec/vectors", file);
  const { cases }: { readonly cases: readonly Vector[] } = JSON.parse(readFileSync(path, "utf8"));
  files.set(file, cases);
  return cases;
}

export function vectorInputs(file: string, member: string): readonly Uint8Array[] {
  return vectorTexts(file, member).map(bytesOf);
}

/** Of members in hex. */
export function vectorBytes(file: string, member: string): readonly Uint8Array[] {
  return vectorTexts(file, member).map((hex) => new Uint8Array(Buffer.from(hex, "hex")));
}
