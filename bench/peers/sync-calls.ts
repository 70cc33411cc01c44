/**
 * What a program makes durable, counted in what strace writes of it:
 *
 *   4711  openat(AT_FDCWD, "/log/data.mdb", O_WRONLY|O_DSYNC|O_CLOEXEC) = 22
 *   4712  fdatasync(21 <unfinished ...>
 *   4711  pwrite64(22, ""..., 128, 4096)    = 128
 *   4712  <... fdatasync resumed>)          = 0
 */

export interface SyncCalls {
  /** fsync, fdatasync and msync with MS_SYNC. */
  readonly syncs: number;
  /** Writes to files that were opened with O_SYNC or O_DSYNC: each waits for the disk as well. */
  readonly syncedWrites: number;
}

/** Calls that `countSyncCalls` wants to see. */
export const TRACED = "openat,fsync,fdatasync,msync,write,pwrite64,writev,pwritev,pwritev2";

/** @param trace - of `strace -f -e trace=TRACED`, from the start of the program. */
export function countSyncCalls(trace: Iterable<string>): SyncCalls {
  let [syncs, syncedWrites] = [0, 0];
  const isSynced = new Map<string, boolean>();
  /** Opened by a thread whose call is not over: with which flags. */
  const opening = new Map<string, string>();
  for (const line of trace) {
    const [, thread = "", call = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (call.startsWith("openat(") && call.includes("<unfinished")) opening.set(thread, call);
    const isResumed = call.startsWith("<... openat resumed");
    if (call.startsWith("openat(") || isResumed) {
      const opened = /= (\d+)$/.exec(call)?.[1];
      if (opened === undefined) continue;
      const flags = isResumed ? (opening.get(thread) ?? "") : call;
      isSynced.set(opened, /\bO_D?SYNC\b/.test(flags.replace(/".*"/, "")));
    } else if (/^(fsync|fdatasync)\(/.test(call) || (call.startsWith("msync(") && call.includes("MS_SYNC"))) {
      syncs += 1;
    } else {
      const written = /^p?writev?2?(?:64)?\((\d+)/.exec(call)?.[1];
      if (written !== undefined && isSynced.get(written) === true) syncedWrites += 1;
    }
  }
  return { syncs, syncedWrites };
}
