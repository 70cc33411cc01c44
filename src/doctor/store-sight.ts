/** What lies in a data directory and in its guard, read beside a server that may be running, and held against each other. */
import { open, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { checkGuard, type GuardRecord } from "../keys/guard.ts";
import { newestSlotIn, SLOT_BYTES, SLOTS } from "../keys/guard-slots.ts";
import { openKeptHistory } from "../log/own-keys.ts";
import { vouchedHead } from "../log/read-back.ts";
import { codeOf, hasErrorCode } from "../node/errno.ts";
import { LOCK_SOCKET } from "../store/data-directory.ts";
import { type LmdbReader, openLmdbReader } from "../store/lmdb.ts";
import { assertReachesItsEnd } from "../store/lmdb-copy.ts";
import type { StoreHead } from "../store/store.ts";
import { changeHashes } from "../tlog/key-history.ts";
import { type Finding, fail, ok, type Sheet, skipped, unknown, warn } from "./check.ts";

/** A log that is there. */
export interface StoreSight {
  readonly origin: string;
  readonly head: StoreHead;
  readonly reader: LmdbReader;
}

/** Whether a server runs on the directory; undefined: nobody can say. */
export async function lookAtServer(sheet: Sheet, directory: string): Promise<boolean | undefined> {
  return await sheet.look({
    check: "server",
    see: async (): Promise<Finding<boolean>> => {
      const answer = await isAnswered(join(resolve(directory), LOCK_SOCKET));
      if (answer === true) return { ...ok(`one writes to ${directory}`), found: true };
      if (answer === false) return { ...skipped(`none runs on ${directory}`), found: false };
      return unknown(
        `whether one runs on ${directory} cannot be asked (${answer})`,
        "run this as the user that runs the log",
      );
    },
  });
}

/** Its socket takes connections, and ends them at once, as long as the process lives. @returns an errno where nobody can say */
function isAnswered(path: string): Promise<boolean | string> {
  return new Promise((settle) => {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) return settle("the path is too long for a socket");
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      settle(true);
    });
    socket.once("error", (error) => {
      const code = codeOf(error);
      settle(NOBODY_LISTENS.has(code) ? false : code);
    });
  });
}

const MAX_SOCKET_PATH_BYTES = 103;
const NOBODY_LISTENS = new Set(["ECONNREFUSED", "ENOENT", "ENOTSOCK", "ENOTDIR"]);

/** Whether there is no log yet, so that a start would make one. */
export async function isEmptyPlace(directory: string): Promise<boolean> {
  try {
    await stat(join(directory, "data.mdb"));
    return false;
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT")) return true;
    throw new TlogError("FILE_UNREADABLE", `${directory} cannot be looked at (${codeOf(cause)})`, { cause });
  }
}

/** Opens what is there for reading. The caller closes its reader. */
export async function lookAtStore(sheet: Sheet, directory: string): Promise<StoreSight | undefined> {
  return await sheet.look({
    check: "store",
    otherwise:
      "run this as the user that runs the log; if it will not start either, see deploy/README.md, Restore",
    see: () => seeStore(directory),
  });
}

async function seeStore(directory: string): Promise<Finding<StoreSight>> {
  if (await isEmptyPlace(directory)) return skipped(`no log in ${directory} yet: the first start makes one`);
  if ((await stat(join(directory, "lock.mdb")).catch(() => undefined)) === undefined) {
    // LMDB would make it, as a file of whoever runs this.
    return unknown(
      `${directory} has no lock.mdb yet, and nothing is written here: it is a copy that was never opened`,
      "look again after its first start",
    );
  }
  try {
    await assertReachesItsEnd(directory);
    const reader = await openLmdbReader({ directory });
    const head = await reader.head();
    const { integrated, published, frozen, filling } = head;
    const words = `${reader.origin}: ${integrated.treeSize} entries, ${published?.treeSize ?? 0} of them published`;
    const found = { origin: reader.origin, head, reader };
    if (filling !== undefined) {
      const advice = "let `import` or `repair` go on to its end: nothing is signed from here before";
      return { ...fail(`${words}; an import up to ${filling.treeSize} did not end`, advice), found };
    }
    return { ...ok(frozen === undefined ? words : `${words}; frozen`), found };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    if (error.code === "STORE_FAILED") throw error;
    return fail(
      `${error.message} [${error.code}]`,
      "`fsck` names what is wrong, `repair` and `restore` mend it (deploy/README.md)",
    );
  }
}

/**
 * Reads the guard without opening it for writing.
 * @throws {TlogError} GUARD_MALFORMED | GUARD_FAILED
 */
export async function readGuardRecord(location: string): Promise<GuardRecord | undefined> {
  try {
    const file = await open(location, "r");
    try {
      const bytes = new Uint8Array(SLOTS * SLOT_BYTES);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      return newestSlotIn(bytes.subarray(0, bytesRead), location).record;
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof TlogError) throw cause;
    if (hasErrorCode(cause, "ENOENT")) return undefined;
    throw new TlogError("GUARD_FAILED", `the guard ${location} cannot be read (${codeOf(cause)})`, { cause });
  }
}

/** Whether the next start would be let through by the guard; of a running server, whether it still would. */
export async function lookAtGuard(sheet: Sheet, { location, sight, waysOut }: GuardLook): Promise<void> {
  await sheet.look({
    check: "guard",
    of: location,
    otherwise: "run this as the user that runs the log",
    async see() {
      try {
        // The guard first: it hears of a head before the store does, and what it names is in the tree by then.
        const record = await readGuardRecord(location);
        if (sight === undefined) return seeGuardAlone(record, location);
        const { reader } = sight;
        const head = await reader.head();
        const { storeId, lineage } = reader.identity();
        const signed = await vouchedHead(reader, head, record?.signed);
        const { origin } = reader;
        const keyChanges = changeHashes(await openKeptHistory(head, origin));
        checkGuard(record, { origin, storeId, epoch: 0, lineage, signed, keyChanges }, location);
        if (record === undefined) return ok("not there yet, and nothing was signed");
        const size = record.signed?.treeSize;
        const words = size === undefined ? "nothing signed yet" : `size ${size} was signed last`;
        return ok(`${words}, and the store has that tree`);
      } catch (error) {
        if (!(error instanceof TlogError) || error.code === "GUARD_FAILED") throw error;
        const ways = waysOut(error)[error.code] ?? ["`fsck` says more about the store"];
        return fail(`${error.message} [${error.code}]`, ways.join("\n"));
      }
    },
  });
}

export interface GuardLook {
  readonly location: string;
  /** Undefined: there is no log in the data directory, or it cannot be read. */
  readonly sight: StoreSight | undefined;
  /** What a person can do about a refusal, by its code. */
  readonly waysOut: (error: unknown) => Readonly<Record<string, readonly string[] | undefined>>;
}

function seeGuardAlone(record: GuardRecord | undefined, location: string) {
  if (record === undefined) return ok("not there yet: the first start makes it");
  const size = record.signed?.treeSize;
  if (size === undefined) return ok("nothing signed yet");
  return warn(
    `it says that size ${size} of ${record.origin} was signed, and there is no store to hold it against`,
    `bring back the data directory of ${record.origin}, or point --guard at another file than ${location}`,
  );
}
