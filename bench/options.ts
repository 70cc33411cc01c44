/** Command lines of the bench's scripts: what is wrong with one is said before anything is started. */
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** What a command line asks for: to be run with these options, or only to be told something. */
export type CommandLine<T> =
  | { readonly kind: "run"; readonly options: T }
  | { readonly kind: "tell"; readonly text: string; readonly exitCode: 0 | 2 };

/** @param parse - throws, with a message for people, what is wrong. */
export function parseCommandLine<T>(
  args: readonly string[],
  usage: string,
  parse: (args: string[]) => T,
): CommandLine<T> {
  if (args.includes("--help")) return { kind: "tell", text: usage, exitCode: 0 };
  try {
    return { kind: "run", options: parse([...args]) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "tell", text: `${message}\n\n${usage}`, exitCode: 2 };
  }
}

/** Of this process. Ends it for `--help` (0) and bad options (2). */
export function readOptions<T>(usage: string, parse: (args: string[]) => T): T {
  const line = parseCommandLine(process.argv.slice(2), usage, parse);
  if (line.kind === "run") return line.options;
  (line.exitCode === 0 ? process.stdout : process.stderr).write(line.text);
  process.exit(line.exitCode);
}

/** @throws {RangeError} not a number above 0. */
export function positive(name: string, text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new RangeError(`${name}: want a number above 0, got "${text}"`);
}

/** @throws {RangeError} not a whole number from 1 on, or one that is not exact. */
export function whole(name: string, text: string): number {
  const value = positive(name, text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${name}: want a whole number, got "${text}"`);
}

/** Of "1,20,300". @param parse - of each. */
export function listOf<T>(
  name: string,
  text: string,
  parse: (name: string, text: string) => T,
): readonly T[] {
  return text.split(",").map((part) => parse(name, part.trim()));
}

/** @throws {RangeError} one that is not among `known`. */
export function namesAmong(
  name: string,
  names: readonly string[],
  known: readonly string[],
): readonly string[] {
  const unknown = names.filter((one) => !known.includes(one));
  if (unknown.length === 0) return names;
  throw new RangeError(`${name}: no ${unknown.join(", ")}; there are ${known.join(", ")}`);
}

/** Makes the file's folder, so that nothing is measured that cannot be kept. @throws {Error} it cannot be written there. */
export function outputFile(name: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true });
  accessSync(folder, constants.W_OK);
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`${name}: ${file} is a folder`);
  return file;
}
