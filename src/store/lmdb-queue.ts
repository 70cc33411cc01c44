/** Who may write, in what order, and when nobody may any more: for a log and for a witness. */
import { InvariantError, TlogError } from "../errors.ts";
import type { Environment, Table } from "./lmdb-environment.ts";
import { damaged, failed } from "./lmdb-failure.ts";
import { readWriterRow, type WriterRow, writeWriterRow } from "./lmdb-meta.ts";
import { writerReplaced } from "./rules.ts";
import type { WriterIdentity } from "./store.ts";
import { randomToken } from "./token.ts";

/** What one changed meta row may cost: its page, the pages above it, LMDB's list of free pages. */
export const ROW_GROWTH_BYTES = 65_536;

export interface WriteQueue {
  /**
   * Runs one write after the other, each as a transaction of its own, refused when this writer may not write.
   * @param around.before - awaited when the write's turn has come; when it rejects, nothing is written.
   * @param around.after - runs as soon as the write is durable, before the next one begins.
   */
  write<T>(
    apply: () => T,
    around?: { readonly before: () => Promise<void>; readonly after: () => void },
  ): Promise<T>;
  /** Resolves when nothing is being written. */
  idle(): Promise<void>;
}

/** @param readBack - reads what every later write builds on; throws when that cannot be read. */
export function writeQueue(
  env: Environment<{ readonly meta: Table }>,
  writer: WriterIdentity,
  assertOpen: () => void,
  readBack: (meta: Table) => unknown,
): WriteQueue {
  // Owned by write(): the end of the queue, and the failure after which nothing is written.
  let last: Promise<unknown> = Promise.resolve();
  let failure: TlogError | undefined;
  const isReadable = (): boolean => {
    try {
      env.refresh();
      readBack(env.tables.meta);
      return true;
    } catch {
      return false;
    }
  };
  const attempt = async <T>(apply: () => T): Promise<T> => {
    if (failure !== undefined) throw failed("an earlier write failed, so nothing more is written", failure);
    try {
      return await env.transact(() => {
        assertWriter(env.tables.meta, writer);
        return apply();
      });
    } catch (error) {
      failure = endsWriting(error, isReadable);
      throw failure ?? error;
    }
  };
  return {
    async write(apply, around) {
      assertOpen();
      const written = last.then(async () => {
        await around?.before();
        const result = await attempt(apply);
        around?.after();
        return result;
      });
      last = written.catch(() => undefined);
      return await written;
    },
    async idle() {
      await last;
    },
  };
}

/** Makes the caller the only writer. Runs inside a transaction. */
export function nextWriter(meta: Table): WriterRow {
  const writer = { epoch: (readWriterRow(meta)?.epoch ?? 0) + 1, writerId: randomToken() };
  writeWriterRow(meta, writer);
  return writer;
}

/** @throws {TlogError} STORE_FULL */
export function assertRoom(usedBytes: number, growthBytes: number, maxBytes: number): void {
  if (usedBytes + growthBytes <= maxBytes) return;
  throw new TlogError(
    "STORE_FULL",
    `the data file has ${usedBytes} bytes and might grow by ${growthBytes}; the limit is ${maxBytes}`,
  );
}

function assertWriter(meta: Table, writer: WriterIdentity): void {
  const held = readWriterRow(meta);
  if (held === undefined) throw damaged("meta row writer is missing");
  if (held.epoch === writer.epoch && held.writerId === writer.writerId) return;
  throw writerReplaced({ own: writer.epoch, held: held.epoch });
}

/** @returns the failure when nobody knows any more what is on the disk; undefined when it is as it was. */
function endsWriting(error: unknown, isReadable: () => boolean): TlogError | undefined {
  // Thrown on purpose, while nothing was written yet. Whatever else has no code of ours may have come from anywhere.
  if (error instanceof InvariantError) return undefined;
  if (!(error instanceof TlogError)) return failed("writing failed", error);
  if (error.code === "STORE_FAILED") return error;
  if (error.code !== "STORE_FULL" || isReadable()) return undefined;
  return failed("the store cannot be read after a write that failed", error);
}
