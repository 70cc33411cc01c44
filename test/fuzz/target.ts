/** What fuzzing throws bytes at, and how it tells a refusal from a fault. */
import { TlogError } from "../../src/errors.ts";

/** Code that takes bytes of strangers. */
export interface Target {
  /** Names its corpus: `corpus/<name>.txt`. */
  readonly name: string;
  /** Inputs that are good, from which mutations start. */
  readonly seeds: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Returns, or refuses with a {@link TlogError}. Whatever else it throws is a fault. */
  readonly run: (input: Uint8Array) => unknown;
  /** Lets go of what it opened. */
  readonly close?: () => Promise<void>;
}

/** Something that must not be: not what was thrown by accident, but what a target noticed. */
export class Fault extends Error {
  override readonly name = "Fault";
}

/** Runs a target on one input. @returns what is wrong, or undefined. */
export async function faultOf({ run }: Pick<Target, "run">, input: Uint8Array): Promise<unknown> {
  try {
    const outcome = run(input);
    // Most targets are synchronous; a turn for each would be most of their time.
    if (outcome instanceof Promise) await outcome;
    return undefined;
  } catch (error) {
    return error instanceof TlogError ? undefined : error;
  }
}

/** The text a parser of text gets: UTF-8, and half of a surrogate pair for each byte that is none. */
export function textOf(input: Uint8Array): string {
  return decoder.decode(input).replaceAll("\uFFFD", "\uD800");
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "utf8"));
}

/** format(parse(x)) === x for text. */
export function assertSameText(wanted: string, got: string): void {
  if (wanted !== got)
    throw new Fault(
      `came back as ${JSON.stringify(got.slice(0, 200))}, was ${JSON.stringify(wanted.slice(0, 200))}`,
    );
}

/** format(parse(x)) === x for bytes. */
export function assertSameBytes(wanted: Uint8Array, got: Uint8Array): void {
  if (Buffer.compare(wanted, got) !== 0) {
    throw new Fault(`came back as ${shown(got)}, was ${shown(wanted)}`);
  }
}

export function assertTrue(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Fault(what);
}

function shown(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 100)).toString("base64");
}
