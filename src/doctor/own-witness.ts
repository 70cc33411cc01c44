/** A witness of one's own: its key, its store against its guard, and the logs that it follows, read beside it. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { TlogError } from "../errors.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import { emptyRootHash, hashesEqual } from "../merkle/hash.ts";
import { readRosterFiles } from "../node/roster-file.ts";
import { assertReachesItsEnd } from "../store/lmdb-copy.ts";
import { openLmdbWitnessReader } from "../store/witness-lmdb.ts";
import type { CosignedHead, WitnessReader } from "../store/witness-store.ts";
import { formatCheckpoint } from "../tlog/checkpoint-body.ts";
import type { CosignerKey } from "../tlog/cosigner.ts";
import { encodeUtf8 } from "../tlog/encoding.ts";
import { formatVerifierKey } from "../tlog/key.ts";
import { type Finding, fail, type Outcome, ok, type Sheet, skipped, unknown, warn } from "./check.ts";
import { modeOf } from "./file-modes.ts";
import { isEmptyPlace, readGuardRecord } from "./store-sight.ts";
import { inTime } from "./words.ts";

export interface OwnWitnessLook {
  readonly directory: string;
  readonly guard: string;
  /** What the key is called by: a path, an agent's, a token's. */
  readonly keys: readonly {
    readonly flag: string;
    readonly reference: string;
    readonly file: string | undefined;
  }[];
  /** @param name - the witness's own, where its store says it. @throws {TlogError} what keeps `witness` from starting with it */
  readonly openKey: (reference: string, name: string | undefined) => Promise<CosignerKey>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What a store says. */
export interface WitnessSight {
  readonly name: string;
  readonly reader: WitnessReader;
}

/** A log that nobody cosigned for so long has ended, moved, or stopped asking. */
const OLD_MS = 86_400_000;
const FUTURE_MS = 10_000;
const MAX_NAMED = 5;

/** @returns an open store, for later looks: the caller closes its reader. */
export async function lookAtOwnWitness(
  sheet: Sheet,
  look: OwnWitnessLook,
): Promise<WitnessSight | undefined> {
  const { directory, guard } = look;
  const sight = await sheet.look({
    check: "witness-store",
    of: directory,
    otherwise: "run this as the user that runs the witness",
    see: () => seeStore(directory),
  });
  await sheet.look({
    check: "guard",
    of: guard,
    otherwise: "run this as the user that runs the witness",
    see: () => seeGuard(guard, sight),
  });
  for (const { flag, reference, file } of look.keys) {
    const of = `${flag} ${reference}`;
    await sheet.look({ check: "key-mode", of, see: () => seeMode(file, sight) });
    await sheet.look({ check: "key-signs", of, see: () => seeCosigning(look, reference, sight) });
  }
  if (sight !== undefined) {
    await sheet.look({ check: "logs", of: directory, see: () => seeLogs(look, sight) });
    await sheet.look({ check: "evidence", of: directory, see: () => seeEvidence(sight) });
  }
  return sight;
}

async function seeStore(directory: string): Promise<Finding<WitnessSight>> {
  if (await isEmptyPlace(directory)) {
    return skipped(`no witness in ${directory} yet: the first start makes it`);
  }
  if ((await stat(join(directory, "lock.mdb")).catch(() => undefined)) === undefined) {
    // LMDB would make it, as a file of whoever runs this.
    return unknown(
      `${directory} has no lock.mdb yet, and nothing is written here`,
      "look again after its first start",
    );
  }
  try {
    await assertReachesItsEnd(directory);
    const reader = await openLmdbWitnessReader({ directory });
    const { treeSize } = await reader.journal();
    return {
      ...ok(`${reader.name}: ${treeSize} cosignatures were made`),
      found: { name: reader.name, reader },
    };
  } catch (error) {
    if (!(error instanceof TlogError) || error.code === "STORE_FAILED") throw error;
    return fail(
      `${error.message} [${error.code}]`,
      "give the data directory of a witness; a damaged one is never made anew under its name: start another witness",
    );
  }
}

/** As an opening holds them against each other; the guard is read first, for it hears of a cosignature first. */
async function seeGuard(location: string, sight: WitnessSight | undefined): Promise<Outcome> {
  const record = await readGuardRecord(location);
  if (record === undefined) {
    if (sight === undefined) return ok("not there yet: the first start makes it");
    return fail(
      "it is missing, and this witness has cosigned",
      "bring it back, or point --guard at it; without it a restored copy could cosign a second history",
    );
  }
  const size = record.signed?.treeSize ?? 0;
  if (sight === undefined) {
    if (size === 0) return ok("nothing signed yet");
    return fail(
      `it says that ${record.origin} cosigned ${size} times, and there is no store`,
      "bring its data back",
    );
  }
  if (record.origin !== sight.name) {
    return fail(
      `it is of ${record.origin}, this witness is ${sight.name}`,
      "give the witness's own guard with --guard",
    );
  }
  const journal = await sight.reader.journal();
  if (size > journal.treeSize) {
    return fail(
      `${size} cosignatures were made, and this data directory knows of ${journal.treeSize}: it is an old copy`,
      "bring back the newest data directory, or start another witness under another name",
    );
  }
  if (
    record.signed !== undefined &&
    size === journal.treeSize &&
    !hashesEqual(record.signed.rootHash, rangeRoot(journal))
  ) {
    return fail(
      "it remembers other cosignatures than are stored",
      "bring back the data that belongs to this guard",
    );
  }
  return ok(`${size} cosignatures were made, and the store has them`);
}

async function seeMode(file: string | undefined, sight: WitnessSight | undefined): Promise<Outcome> {
  if (file === undefined) return skipped("no file holds it");
  const found = await modeOf(file);
  if (found === undefined) {
    return sight === undefined
      ? ok("not there yet: the first start makes it")
      : fail("there is no such file", "bring the key back, or name where it is with --key");
  }
  const words = `mode ${found.mode}, of ${found.owner}`;
  if (found.isReadableByOthers || found.isWritableByOthers) {
    return fail(`${words}: others may use it, and cosign in this witness's name`, `chmod 600 ${file}`);
  }
  if (found.isDirectoryOpen) {
    return warn(`${words}, but others may put another in its place`, `chmod o-w ${found.directory}`);
  }
  return ok(words);
}

async function seeCosigning(
  { openKey, now }: OwnWitnessLook,
  reference: string,
  sight: WitnessSight | undefined,
): Promise<Outcome> {
  try {
    const key = await openKey(reference, sight?.name);
    const { name } = key.verifierKey;
    if (sight !== undefined && name !== sight.name) {
      return fail(`it is a key of ${name}, the data is of ${sight.name}`, "give the witness's own key");
    }
    // Of a log whose name nobody can own, and empty: it says nothing about any log.
    const origin = "doctor.invalid";
    const body = formatCheckpoint({ origin, treeSize: 0, rootHash: emptyRootHash(), extensions: [] });
    const startedMs = performance.now();
    await key.cosign({ timestampSeconds: Math.floor(now() / 1000), checkpointText: encodeUtf8(body) });
    const tookMs = performance.now() - startedMs;
    return ok(`it cosigns, in ${tookMs.toFixed(1)} ms: ${formatVerifierKey(key.verifierKey)}`);
  } catch (error) {
    if (!(error instanceof TlogError) || error.code === "ABORTED") throw error;
    if (error.code === "KEY_FILE_MISSING" && sight === undefined) {
      return skipped("not there yet: the first start makes it");
    }
    return fail(`${error.message} [${error.code}]`, "`witness` cannot start so: give the witness's own key");
  }
}

/** How fresh what it follows is. */
async function seeLogs({ directory, now }: OwnWitnessLook, { reader }: WitnessSight): Promise<Outcome> {
  const { operator, listed } = await readRosterFiles(directory);
  const active = [...operator, ...listed].filter(({ isDisabled }) => !isDisabled);
  const cosigned = await reader.origins();
  const disabled = new Set(operator.filter(({ isDisabled }) => isDisabled).map(({ origin }) => origin));
  const origins = [...new Set([...active.map(({ origin }) => origin), ...cosigned])].filter(
    (origin) => !disabled.has(origin),
  );
  if (origins.length === 0) {
    return warn(
      "no log is in its files, and none was cosigned yet; one that only its own --log names is not seen from here",
      "`bristlecone witness add-log VKEY` adds one",
    );
  }
  const heads = new Map<string, CosignedHead | undefined>();
  for (const origin of origins) heads.set(origin, await reader.head(origin));
  const ahead = origins.filter((origin) => timeOf(heads.get(origin)) > now() + FUTURE_MS);
  if (ahead.length > 0) {
    return fail(
      `it cosigned ${named(ahead)} at a time that is still to come: the clock went back, and those logs get CLOCK_BEHIND`,
      "set the clock by NTP; then they are cosigned again",
    );
  }
  const never = origins.filter((origin) => heads.get(origin) === undefined);
  const old = origins.filter((origin) => {
    const head = heads.get(origin);
    return head !== undefined && timeOf(head) < now() - OLD_MS;
  });
  const newest = Math.max(...origins.map((origin) => timeOf(heads.get(origin))));
  const words = `${origins.length} followed, ${origins.length - never.length} cosigned${newest > 0 ? `, the last ${inTime(now() - newest)} ago` : ""}`;
  const limited = active.filter(({ queriesPerDay }) => queriesPerDay !== undefined).length;
  const limits = `; ${limited} of the ${active.length} in its files have a limit (--qpd)`;
  const late = [
    ...(never.length === 0 ? [] : [`never: ${named(never)}`]),
    ...(old.length === 0 ? [] : [`not for a day: ${named(old)}`]),
  ];
  if (late.length === 0) return ok(words + limits);
  return warn(
    `${words}${limits}; ${late.join("; ")}`,
    "`bristlecone witness show ORIGIN` says more; see that those logs still run and ask this witness, or have a URL to be read at; `witness disable ORIGIN` those that ended",
  );
}

async function seeEvidence({ reader }: WitnessSight): Promise<Outcome> {
  const convicted: string[] = [];
  for (const origin of await reader.origins()) {
    if ((await reader.evidence(origin)).some(({ convictsLog }) => convictsLog)) convicted.push(origin);
  }
  if (convicted.length === 0) return ok("there is none against a log");
  return warn(
    `against ${named(convicted)}, cosigned no more`,
    "tell whoever relies on it: `bristlecone witness show ORIGIN` names the file, `evidence verify` explains it",
  );
}

function timeOf(head: CosignedHead | undefined): number {
  return head === undefined ? 0 : head.timestampSeconds * 1000;
}

function named(origins: readonly string[]): string {
  const more = origins.length - MAX_NAMED;
  return `${origins.slice(0, MAX_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
