/** What `fsck` is to check, whom to believe about it, and what else knows of it. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openFetcher } from "../../client/fetcher.ts";
import { trustIn } from "../../client/policy.ts";
import { openHead, openTrustedHistory } from "../archive/carried-keys.ts";
import { openDirectorySource } from "../archive/directory-source.ts";
import { openRemoteSource } from "../archive/remote-source.ts";
import { TlogError } from "../errors.ts";
import { copyAt } from "../fsck/copy-at.ts";
import type { GuardSight, VerifyNote } from "../fsck/heads.ts";
import type { Target } from "../fsck/jobs.ts";
import { openGuardFile } from "../keys/guard-file.ts";
import { codeOf, hasErrorCode } from "../node/errno.ts";
import { parseCheckpoint } from "../tlog/checkpoint.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { parseNote } from "../tlog/note.ts";
import type { Call } from "./command.ts";
import { chosenTrust } from "./trust.ts";

export interface FsckSubject {
  /** As the person named it. */
  readonly where: string;
  readonly target: Target;
  /** Which copy of the log that is. */
  readonly copy: string;
  /** Of a log that is no data directory. */
  readonly checkpoint: Uint8Array | undefined;
  /** Of one whose keys changed. */
  readonly keyHistory: Uint8Array | undefined;
  readonly verify: VerifyNote | undefined;
  /** "the policy policy.txt"; undefined: signatures are not checked. */
  readonly trustWords: string | undefined;
  readonly guard: GuardSight | undefined;
}

/** @throws {TlogError} USAGE | CONFIG_INVALID | FILE_UNREADABLE | GUARD_FAILED | GUARD_MALFORMED | REMOTE_UNREACHABLE | … */
export async function fsckSubject(call: Call): Promise<FsckSubject> {
  const config = await call.config();
  const where = call.args[0] ?? config.value("data");
  const chosen = await chosenTrust(call);
  const origin = config.value("origin");
  const trust = chosen && trustIn({ ...chosen.trust, ...(origin !== undefined && { origin }) });
  const common = {
    where,
    verify: trust && verifier(trust),
    trustWords: chosen?.words,
  };
  if (/^https?:\/\//i.test(where)) {
    const timeoutMs = config.value("timeout") * 1000;
    const fetcher = openFetcher(where, { timeoutMs });
    // First: a history that knows of a later change does no harm, and a checkpoint after it would.
    const source = openRemoteSource(where, fetcher);
    const checkpoint = await source.readCheckpoint(call.signal);
    const keyHistory = await source.readKeyHistory(call.signal);
    const target = { kind: "url" as const, url: where, timeoutMs };
    return { ...common, target, copy: where, checkpoint, keyHistory, guard: undefined };
  }
  if (await isThere(join(where, "data.mdb"))) {
    const guard = await readGuard(where, config.value("guard"));
    const target = { kind: "store" as const, directory: where };
    const copy = await copyAt(join(where, "data.mdb"));
    return { ...common, target, copy, checkpoint: undefined, keyHistory: undefined, guard };
  }
  if (!(await isThere(join(where, "checkpoint")))) throw nothingIn(where, await isThere(where));
  const source = openDirectorySource(where);
  const checkpoint = await source.readCheckpoint(call.signal);
  const keyHistory = await source.readKeyHistory(call.signal);
  const target = { kind: "folder" as const, directory: where };
  return { ...common, target, copy: await copyAt(where), checkpoint, keyHistory, guard: undefined };
}

/** The empty tree promises nothing, and logs do not have it cosigned. */
function verifier({ policy, origin }: ReturnType<typeof trustIn>): VerifyNote {
  return async (signedNote, keyHistory) => {
    const isEmpty = parseCheckpoint(decodeUtf8(parseNote(signedNote).text)).treeSize === 0;
    const demanded = isEmpty ? { ...policy, quorum: "none" } : policy;
    const trust = { policy: demanded, expectedOrigin: origin };
    const history = keyHistory && (await openTrustedHistory(keyHistory, trust));
    return await openHead(signedNote, { trust, history });
  };
}

async function readGuard(directory: string, chosen: string | undefined): Promise<GuardSight | undefined> {
  const location = chosen ?? `${directory.replace(/\/+$/, "")}.guard`;
  if (!(await isThere(location))) {
    if (chosen === undefined) return undefined;
    throw new TlogError("FILE_UNREADABLE", `${chosen} cannot be read (ENOENT)`);
  }
  const guard = await openGuardFile(location);
  try {
    const record = await guard.read();
    return record && { location, storeId: record.storeId, signed: record.signed, keys: record.keys };
  } finally {
    await guard.close();
  }
}

function nothingIn(where: string, isPath: boolean): TlogError {
  const found = isPath ? "it holds neither data.mdb nor a checkpoint" : "there is no such directory";
  return new TlogError(
    "FILE_UNREADABLE",
    `${where}: ${found}: want a data directory, a static directory with a log's tiles, or an http(s) URL`,
  );
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT") || hasErrorCode(cause, "ENOTDIR")) return false;
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${codeOf(cause)})`, { cause });
  }
}
