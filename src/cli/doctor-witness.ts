/** `doctor --witness`: a witness of one's own, by its data directory and by its URL. */
import { resolve } from "node:path";
import type { Sheet } from "../doctor/check.ts";
import { lookAtClock } from "../doctor/clock.ts";
import { lookAtDisks } from "../doctor/disk.ts";
import { lookAtOwnWitness, type WitnessSight } from "../doctor/own-witness.ts";
import { lookAtProcess } from "../doctor/process-limits.ts";
import { lookAtServedWitness } from "../doctor/served-witness.ts";
import { lookAtServer } from "../doctor/store-sight.ts";
import { openVisits } from "../doctor/visits.ts";
import { TlogError } from "../errors.ts";
import { keyFileOf } from "../keys/key-reference.ts";
import { openCosigner } from "../server.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../tlog/cosignature.ts";
import { type Call, textFlag } from "./command.ts";
import { keyOptions } from "./key-options.ts";

/** @param places - a data directory, a URL, or both, of one witness. @throws {TlogError} USAGE */
export async function examineWitness(call: Call, sheet: Sheet, places: readonly string[]): Promise<void> {
  const urls = places.filter((place) => /^https?:\/\//i.test(place));
  const [directory, another] = places.filter((place) => !urls.includes(place));
  if (another !== undefined || urls.length > 1) {
    throw new TlogError("USAGE", "--witness: want the data directory of one witness, its URL, or both");
  }
  const visits = openVisits({ signal: sheet.signal, now: Date.now });
  let sight: WitnessSight | undefined; // owned by this function
  try {
    sight = directory === undefined ? undefined : await examineDirectory(call, sheet, directory);
    for (const url of urls) await lookAtServedWitness(sheet, visits, { url, sight });
    if (urls.length > 0) await lookAtClock(sheet, visits.clocks());
  } finally {
    await sight?.reader.close();
    await visits.close();
  }
}

async function examineDirectory(call: Call, sheet: Sheet, place: string): Promise<WitnessSight | undefined> {
  const { flags } = call;
  const directory = resolve(place);
  const guard = textFlag(flags, "guard") ?? `${directory}.guard`;
  // Of the flags only: what else is set is a log's.
  const references = [
    { flag: "--key", reference: textFlag(flags, "key") ?? `${directory}.key` },
    { flag: "--ml-dsa-key", reference: textFlag(flags, "mlDsaKey") },
  ].flatMap(({ flag, reference }) => (reference === undefined ? [] : [{ flag, reference }]));
  const options = keyOptions(call, await call.config());
  await lookAtDisks(sheet, { directory, guard, minFreeBytes: undefined, maxDataBytes: undefined });
  const isRunning = await lookAtServer(sheet, directory);
  await lookAtProcess(sheet, { directory, isRunning });
  return await lookAtOwnWitness(sheet, {
    ...{ directory, guard, now: Date.now },
    keys: references.map(({ flag, reference }) => ({ flag, reference, file: keyFileOf(reference) })),
    openKey: async (reference, name) => {
      const type = reference === textFlag(flags, "mlDsaKey") ? ML_DSA_44 : COSIGNATURE_V1;
      return await openCosigner(reference, { ...options, type, name, nameFlag: "--name" });
    },
  });
}
