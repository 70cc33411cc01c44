import { type Command, Option } from "commander";
import { TlogError } from "../errors.ts";
import { parseVerifierKey, type VerifierKey } from "../tlog/key.ts";
import type { Flags } from "./command.ts";

/** The keys of the accused: given by name, for a policy or a log's own word must not decide who is convicted. */
export function addEvidenceKeys(command: Command): void {
  command
    .addOption(repeatable("--log-key <VKEY>", "a verifier key of the log; may be repeated"))
    .addOption(repeatable("--witness-key <VKEY>", "the verifier key of the accused witness; may be repeated"))
    .option("--origin <ORIGIN>", "the log's origin, when it is not the name of its keys");
}

/** An option that may be given several times, in order. */
export function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, before: unknown) => [
    ...(Array.isArray(before) ? before : []),
    value,
  ]);
}

/** The texts of a {@link repeatable} option; empty when it was not given. */
export function textsFlag(flags: Flags, name: string): readonly string[] {
  const given: unknown = flags[name];
  return Array.isArray(given) ? given.filter((text) => typeof text === "string") : [];
}

/** The keys of a {@link repeatable} option, each once. @throws {TlogError} USAGE */
export function keysFlag(flags: Flags, name: "logKey" | "witnessKey"): readonly VerifierKey[] {
  try {
    return [...new Set(textsFlag(flags, name))].map(parseVerifierKey);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    const flag = name === "logKey" ? "--log-key" : "--witness-key";
    throw new TlogError("USAGE", `${flag}: ${cause.message}`, { cause });
  }
}
