/** What `conformance log` and `conformance witness` accept alike. */
import type { Command } from "commander";
import { TlogError } from "../errors.ts";
import type { HttpProbeOptions, HttpProbeTarget } from "../node/http-probe.ts";
import { packagePath } from "../node/package-path.ts";
import { parseDecimal } from "../tlog/encoding.ts";
import { parseVerifierKey, type VerifierKey } from "../tlog/key.ts";
import { addSettings, type Call, type Flags, textFlag } from "./command.ts";
import { readSmallFile } from "./files.ts";

const DEFAULT_RATE = 4;
const MAX_RATE = 1000;
const DEFAULT_MAX_REQUESTS = 400;
const MAX_REQUESTS = 10_000;
const DEFAULT_MAX_SECONDS = 1800;
const MAX_SECONDS = 86_400;
/** A full bundle of the largest entries, and its framing. */
const MAX_ANSWER_BYTES = 256 * (2 + 65_535);
const MAX_BYTES = 128 * 1024 * 1024;
const MAX_CASES_BYTES = 8 * 1024 * 1024;

/** Adds the options of both commands. */
export function addRunOptions(command: Command): void {
  command
    .option("--rate <N>", `at most so many requests a second (default: ${DEFAULT_RATE})`)
    .option("--max-requests <N>", `at most so many requests in all (default: ${DEFAULT_MAX_REQUESTS})`)
    .option("--max-seconds <N>", `end the run after so long (default: ${DEFAULT_MAX_SECONDS})`)
    .option("--contact <EMAIL>", "whom the server's operator can ask: goes into User-Agent (or a URL)")
    .option("--case <NAME>", "only this case; may be repeated", collect)
    .option("--cases <FILE>", "other cases than those that come with the program")
    .option("--verbose", "say more of what passed, too");
  addSettings(command, ["timeout"]);
}

/** Collects an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** The values of an option that may be repeated. */
export function textFlags(flags: Flags, name: string): readonly string[] {
  const values = flags[name];
  return Array.isArray(values) ? values.map(String) : [];
}

/** The keys of --vkey. @throws {TlogError} VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED */
export function keysOf(flags: Flags): readonly VerifierKey[] {
  return textFlags(flags, "vkey").map((vkey) => {
    try {
      return parseVerifierKey(vkey);
    } catch (cause) {
      throw cause instanceof TlogError
        ? new TlogError(cause.code, `--vkey: ${cause.message}`, { cause })
        : cause;
    }
  });
}

/**
 * How a server is talked to: pace and bounds.
 * @param maxRequests - where --max-requests says nothing.
 * @throws {TlogError} USAGE | CONFIG_INVALID
 */
export async function probeOptions(
  { flags, signal, config }: Call,
  maxRequests = DEFAULT_MAX_REQUESTS,
): Promise<Omit<HttpProbeOptions, keyof HttpProbeTarget>> {
  return {
    ratePerSecond: countFlag(flags, "rate", { fallback: DEFAULT_RATE, max: MAX_RATE }),
    maxRequests: countFlag(flags, "maxRequests", { fallback: maxRequests, max: MAX_REQUESTS }),
    maxElapsedMs: 1000 * countFlag(flags, "maxSeconds", { fallback: DEFAULT_MAX_SECONDS, max: MAX_SECONDS }),
    contact: contactOf(flags),
    timeoutMs: (await config()).value("timeout") * 1000,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    maxBytes: MAX_BYTES,
    signal,
  };
}

/**
 * The cases to run: those of --cases or of the package, and of these the ones that --case names.
 * @throws {TlogError} FILE_UNREADABLE | CASES_MALFORMED | USAGE for a name that no case has
 */
export async function readCases<C extends { readonly cases: readonly { readonly name: string }[] }>(
  { flags, stdin }: Call,
  kind: "log" | "witness",
  parse: (text: string) => C,
): Promise<C> {
  const path = textFlag(flags, "cases") ?? packagePath(`spec/vectors/conformance-${kind}.json`);
  const bytes = await readSmallFile(path, { maxBytes: MAX_CASES_BYTES, tooLarge: "CASES_MALFORMED", stdin });
  const file = parse(new TextDecoder().decode(bytes));
  const names = textFlags(flags, "case");
  const unknown = names.find((name) => !file.cases.some((one) => one.name === name));
  if (unknown !== undefined) throw new TlogError("USAGE", `--case: no case is called ${unknown}`);
  return names.length === 0
    ? file
    : { ...file, cases: file.cases.filter(({ name }) => names.includes(name)) };
}

const COUNT_FLAGS = { rate: "--rate", maxRequests: "--max-requests", maxSeconds: "--max-seconds" } as const;

function countFlag(
  flags: Flags,
  name: keyof typeof COUNT_FLAGS,
  { fallback, max }: { readonly fallback: number; readonly max: number },
): number {
  const text = textFlag(flags, name);
  if (text === undefined) return fallback;
  const count = /^[1-9][0-9]{0,5}$/.test(text) ? parseDecimal(text) : 0;
  if (count >= 1 && count <= max) return count;
  throw new TlogError("USAGE", `${COUNT_FLAGS[name]}: want a whole number from 1 to ${max}, got ${text}`);
}

/** Some servers give clients more that say whom to write to. It stands in a comment of User-Agent. */
function contactOf(flags: Flags): string | undefined {
  const contact = textFlag(flags, "contact");
  if (contact === undefined || /^(?=.*[@:])[!-'*-:<-[\]-~]{3,200}$/.test(contact)) return contact;
  throw new TlogError("USAGE", `--contact: want an e-mail address or a URL, got ${JSON.stringify(contact)}`);
}
