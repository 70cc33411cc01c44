/** What a server tells beside its log lines: metrics where there is an admin listener, traces where somebody registered an SDK. */
import { stat } from "node:fs/promises";
import type { Config } from "../config.ts";
import { heardByAll, type LogEvents, type ReaderEvents } from "../events.ts";
import { keyFileOf } from "../keys/key-reference.ts";
import { packageVersion } from "../node/package-version.ts";
import { storageUse } from "../node/storage-use.ts";
import { DEFAULT_MIN_FREE_BYTES, type NoteSigner } from "../server.ts";
import type { LogMetrics } from "../telemetry/log-metrics.ts";
import { logSpans } from "../telemetry/log-spans.ts";
import type { WitnessMetrics } from "../telemetry/witness-metrics.ts";
import { keyLabel } from "../tlog/key.ts";
import type { ConfiguredWebhook } from "../webhooks/open-webhooks.ts";
import type { DataPaths } from "./serve-key.ts";

type Events = LogEvents & ReaderEvents;

/** Loaded only when it is wanted. @returns undefined without --admin-listen: nobody could read them. */
export async function configuredLogMetrics(
  config: Config,
  {
    paths,
    signers,
    webhooks,
  }: {
    readonly paths: DataPaths;
    readonly signers: readonly NoteSigner[];
    readonly webhooks: readonly ConfiguredWebhook[];
  },
): Promise<LogMetrics | undefined> {
  if (config.value("adminListen") === undefined) return undefined;
  const { openLogMetrics } = await import("../telemetry/log-metrics.ts");
  return openLogMetrics({
    version: packageVersion(),
    storage: () => storageUse(paths.data),
    clock: Date.now,
    now: () => performance.now(),
    isWholeProcess: true,
    readersWanted: config.value("readers"),
    minFreeBytes: config.value("minFreeBytes") ?? DEFAULT_MIN_FREE_BYTES,
    isServedWatched: config.value("servedAt") !== undefined,
    keys: await keysInFiles(paths, signers),
    hasLocalWitnesses: config.value("localWitnesses") > 0,
    webhooks: webhooks.map(({ settings }) => settings.name),
  });
}

/** As {@link configuredLogMetrics}, for a witness. */
export async function configuredWitnessMetrics(
  config: Config,
  { data }: Pick<DataPaths, "data">,
): Promise<WitnessMetrics | undefined> {
  if (config.value("adminListen") === undefined) return undefined;
  const { openWitnessMetrics } = await import("../telemetry/witness-metrics.ts");
  return openWitnessMetrics({
    version: packageVersion(),
    storage: () => storageUse(data),
    clock: Date.now,
    isWholeProcess: true,
  });
}

/** Metrics first: a line that cannot be written must not be an event that was not counted. */
export function toldAlso(metrics: Pick<LogMetrics, "events"> | undefined, lines: Events): Events {
  const listeners = [metrics?.events, logSpans(Date.now), lines].filter((events) => events !== undefined);
  return listeners.length === 1 ? lines : heardByAll(...listeners);
}

/** Nothing in a key says how old it is; its file was written when it was made, or when it was moved here. */
async function keysInFiles(
  paths: DataPaths,
  signers: readonly NoteSigner[],
): Promise<readonly { readonly name: string; readonly sinceMs: number }[]> {
  const found = await Promise.all(
    [paths.key, paths.mlDsaKey].map(async (reference, at) => {
      const signer = signers[at];
      const file = reference === undefined ? undefined : keyFileOf(reference);
      if (signer === undefined || file === undefined) return undefined;
      const written = await stat(file).catch(() => undefined);
      return written && { name: keyLabel(signer.verifierKey), sinceMs: written.mtimeMs };
    }),
  );
  return found.filter((key) => key !== undefined);
}
