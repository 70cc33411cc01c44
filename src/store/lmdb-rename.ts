/** A copy of a log that is to be another log: same entries and tree, another name, and nothing signed under it. */

import { damaged } from "./lmdb-failure.ts";
import { LOG_LAYOUT } from "./lmdb-layout.ts";
import {
  forgetHeads,
  readHead,
  readLineage,
  readStoreRow,
  writeIntegrated,
  writeStoreRow,
} from "./lmdb-meta.ts";
import { openForWriting } from "./lmdb-opening.ts";
import { nextWriter } from "./lmdb-queue.ts";
import { assertFilled } from "./rules.ts";
import type { IntegratedHead, StoreHead } from "./store.ts";
import { randomToken } from "./token.ts";

export interface RenamedCopy {
  /** Of the log that was copied. */
  readonly formerOrigin: string;
  readonly formerHead: StoreHead;
  readonly integrated: IntegratedHead;
}

/**
 * Takes from a copy what makes it the log it is a copy of: its name, its store id, its place among openings, and everything that
 * was signed, its end and the history of its keys among that. No key of the log opens it from then on, and its guard accepts it never.
 * Only for a copy that nobody else has open: of a log in service it would be the end.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FAILED | INCOMPLETE (an import did not end)
 */
export async function renameCopy(options: {
  readonly directory: string;
  readonly origin: string;
}): Promise<RenamedCopy> {
  const { directory, origin } = options;
  let found: RenamedCopy | undefined; // owned by claim()
  const { close } = await openForWriting({
    directory,
    layout: LOG_LAYOUT,
    claim(meta, { dropFormer }) {
      const held = readStoreRow(meta);
      if (held === undefined) throw damaged("meta row store is missing");
      const formerHead = readHead(meta);
      assertFilled(formerHead);
      if (held.isFormer) dropFormer();
      writeIntegrated(meta, formerHead.integrated);
      forgetHeads(meta);
      const storeId = randomToken();
      writeStoreRow(meta, { storeId, origin });
      found = { formerOrigin: held.origin, formerHead, integrated: formerHead.integrated };
      return { storeId, ...nextWriter(meta), lineage: readLineage(meta) };
    },
    readBack: readHead,
  });
  await close();
  if (found === undefined) throw damaged("the copy was not claimed");
  return found;
}
