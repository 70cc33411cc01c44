import type { TrustIn } from "../../client/policy.ts";
import { TlogError } from "../errors.ts";
import type { Call } from "./command.ts";
import { readSmallFile } from "./files.ts";

/** Whom the person chose to believe, and how to say so. */
export interface ChosenTrust {
  readonly trust: TrustIn;
  /** Completes "trusted: ". */
  readonly words: string;
}

const MAX_POLICY_FILE_BYTES = 1024 * 1024;

/**
 * The key or policy of --vkey or --policy; a flag wins over either in the environment, and that over either in a file.
 * @returns undefined when nothing was chosen.
 * @throws {TlogError} CONFIG_INVALID (also: both) | FILE_UNREADABLE
 */
export async function chosenTrust(call: Call): Promise<ChosenTrust | undefined> {
  const config = await call.config();
  const setting = config.choice(["vkey", "policy"]);
  const vkey = setting === "vkey" ? config.value("vkey") : undefined;
  const path = setting === "policy" ? config.value("policy") : undefined;
  if (vkey !== undefined)
    return { trust: { vkey }, words: `the log's key ${vkey}; no witness was asked for` };
  if (path === undefined) return undefined;
  const policy = await readSmallFile(path, { maxBytes: MAX_POLICY_FILE_BYTES, stdin: call.stdin });
  return { trust: { policy }, words: `the policy ${path}` };
}

/** As {@link chosenTrust}, where nothing can be shown without it. @throws {TlogError} USAGE when nothing was chosen. */
export async function requiredTrust(call: Call): Promise<ChosenTrust> {
  const chosen = await chosenTrust(call);
  if (chosen !== undefined) return chosen;
  throw new TlogError(
    "USAGE",
    "want --vkey VKEY or --policy FILE: without one there is nothing to verify against",
  );
}
