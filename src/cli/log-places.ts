/** Where a log is read from by import and repair, and whom to believe about it. */

import { stat } from "node:fs/promises";
import { openFetcher } from "../../client/fetcher.ts";
import { trustIn } from "../../client/policy.ts";
import { openDirectorySource } from "../archive/directory-source.ts";
import { openRemoteSource } from "../archive/remote-source.ts";
import type { LogSource } from "../archive/source.ts";
import type { Config } from "../config.ts";
import { TlogError } from "../errors.ts";
import { keyFileOf } from "../keys/key-reference.ts";
import { openLogSigner } from "../keys/open-signer.ts";
import { isThere } from "../node/make-directory.ts";
import type { CheckpointTrust } from "../tlog/checkpoint.ts";
import { ED25519, formatVerifierKey, parseVerifierKey, type VerifierKey } from "../tlog/key.ts";
import type { Call } from "./command.ts";
import { keyOptions } from "./key-options.ts";
import { type DataPaths, ownName } from "./serve-key.ts";
import { chosenTrust } from "./trust.ts";

/** @param place - an http:// or https:// URL, else the path of a static directory. @throws {TlogError} ARGUMENT_INVALID */
export function openPlace(place: string, config: Config): LogSource {
  if (!/^https?:\/\//i.test(place)) return openDirectorySource(place);
  return openRemoteSource(place, openFetcher(place, { timeoutMs: config.value("timeout") * 1000 }));
}

export interface PlaceTrust {
  readonly trust: CheckpointTrust;
  /** Completes "trusted". */
  readonly words: string;
}

/**
 * The key or policy of --vkey or --policy; where neither is given, the log's own key, as its operator has it.
 * @throws {TlogError} USAGE (there is none of the three) | CONFIG_INVALID | VKEY_MALFORMED | POLICY_MALFORMED | KEY_FILE_EXPOSED | …
 */
export async function placeTrust(call: Call, paths: Pick<DataPaths, "key" | "guard">): Promise<PlaceTrust> {
  const config = await call.config();
  const origin = config.value("origin");
  const chosen = await chosenTrust(call);
  if (chosen?.trust.policy !== undefined) {
    const { policy, origin: expectedOrigin } = trustIn({
      ...chosen.trust,
      ...(origin !== undefined && { origin }),
    });
    return { trust: { policy, expectedOrigin }, words: chosen.words };
  }
  if (chosen?.trust.vkey !== undefined) {
    const verifierKey = parseVerifierKey(chosen.trust.vkey);
    return {
      trust: { logKeys: [verifierKey], expectedOrigin: origin ?? verifierKey.name },
      words: chosen.words,
    };
  }
  const verifierKey = await ownKey(call, paths);
  return {
    trust: { logKeys: [verifierKey], expectedOrigin: origin ?? verifierKey.name },
    words: `the log's own key ${paths.key}, ${formatVerifierKey(verifierKey)}`,
  };
}

async function ownKey(call: Call, paths: Pick<DataPaths, "key" | "guard">): Promise<VerifierKey> {
  const config = await call.config();
  const file = keyFileOf(paths.key);
  if (file !== undefined && !(await isThere(() => stat(file)))) {
    throw new TlogError(
      "USAGE",
      `want --vkey VKEY or --policy FILE, or the log's own key with --key FILE (there is none at ${file}): without one there is nothing to verify against`,
    );
  }
  const name = file === undefined ? await ownName(paths, config.value("origin")) : undefined;
  const wanted = { ...keyOptions(call, config), type: ED25519, name, nameFlag: "--origin" } as const;
  return (await openLogSigner(paths.key, wanted)).verifierKey;
}
