/** What an answer's fields mean, and text of strangers in a report. */
import type { ProbeAnswer } from "./probe.ts";

/** The field's value, "" when it is not there. */
export function headerOf({ headers }: ProbeAnswer, name: string): string {
  return headers.get(name) ?? "";
}

/** RFC 9110 §8.3.1: type, subtype, parameter names and the charset without regard to case, blanks around ";" without meaning. */
export function isSameType(got: string, wanted: string): boolean {
  return canonicalType(got) === canonicalType(wanted);
}

function canonicalType(type: string): string {
  return type
    .toLowerCase()
    .split(";")
    .map((part) => part.trim().replace(/="([!-~]*)"$/, "=$1"))
    .filter((part) => part !== "")
    .join(";");
}

const MAX_CHARS = 200;

/** One line of printable ASCII, at most 200 characters. */
export function oneLine(text: string): string {
  const line = text.replaceAll("\n", "\\n").replace(/[^ -~]/gu, "?");
  return line.length <= MAX_CHARS ? line : `${line.slice(0, MAX_CHARS - 3)}...`;
}
