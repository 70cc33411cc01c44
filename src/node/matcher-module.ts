import { pathToFileURL } from "node:url";
import { TlogError } from "../errors.ts";
import type { Matcher, Verdict } from "../monitor/matchers.ts";
import { messageOf } from "./errno.ts";

/** Longest wait for a matcher that answers with a promise. */
const TIMEOUT_MS = 10_000;

/**
 * A matcher that somebody wrote: a module that exports `match({ origin, leafIndex, entry, leafHash, json })`, which returns true or words for a
 * match, false or nothing for none, or a promise of it. It runs in this process, with all its rights.
 * @throws {TlogError} CONFIG_INVALID
 */
export async function loadMatcherModule(name: string, path: string): Promise<Matcher> {
  const loaded: unknown = await import(pathToFileURL(path).href).catch((cause: unknown) => {
    throw new TlogError("CONFIG_INVALID", `${path} cannot be loaded: ${messageOf(cause)}`, { cause });
  });
  const match: unknown = Object(loaded).match;
  if (typeof match !== "function") {
    throw new TlogError("CONFIG_INVALID", `${path}: want a module that exports a function "match"`);
  }
  return {
    name,
    match: (entry) => {
      const answer: unknown = match(entry);
      return answer instanceof Promise ? inTime(answer) : verdictOf(answer);
    },
  };
}

async function inTime(answer: Promise<unknown>): Promise<Verdict> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new TlogError("INCOMPLETE", `no answer within ${TIMEOUT_MS} ms`);
    timer = setTimeout(() => reject(error), TIMEOUT_MS);
  });
  try {
    return verdictOf(await Promise.race([answer, late]));
  } finally {
    clearTimeout(timer);
  }
}

/** What is neither yes nor no is a mistake, and must not pass for a no. */
function verdictOf(answer: unknown): Verdict {
  if (answer === undefined || answer === null) return false;
  if (typeof answer === "boolean" || typeof answer === "string") return answer;
  throw new TlogError("ARGUMENT_INVALID", `want true, false or a text, got ${typeof answer}`);
}
