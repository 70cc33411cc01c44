import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ORIGIN } from "../log/harness.ts";
import {
  type Breakage,
  CONSISTENCY_HASH,
  ENTRY_AND_ITS_HASH,
  ENTRY_BYTE,
  PARTIAL_TILE_BYTE,
  RECEIPT_HASH,
  RECEIPT_INDEX,
  SIGNATURE_BYTE,
  TILE_BYTE,
} from "./breaking-proxy.ts";
import { digestOfEntries, READ_SIZE, type ReaderLog, startReaderLog } from "./reader-log.ts";
import { READER_PROGRAMS, type Read } from "./reader-programs.ts";

const SIZES = [1, 256, 257, READ_SIZE];

/** What is broken; of each reader what it says then. */
const BROKEN = [
  "one bit of a full tile",
  "one bit of a partial tile",
  "one bit of an entry",
  "one bit of an entry, and its hash to match,",
  "one letter of the checkpoint's signature",
  "the root, signed by the log,",
  "one letter of a receipt's proof",
  "a receipt's index",
  "one digit of a consistency proof",
] as const;

type Broken = (typeof BROKEN)[number];

const BREAKAGES: Record<Exclude<Broken, "the root, signed by the log,">, readonly Breakage[]> = {
  "one bit of a full tile": [TILE_BYTE],
  "one bit of a partial tile": [PARTIAL_TILE_BYTE],
  "one bit of an entry": [ENTRY_BYTE],
  "one bit of an entry, and its hash to match,": ENTRY_AND_ITS_HASH,
  "one letter of the checkpoint's signature": [SIGNATURE_BYTE],
  "one letter of a receipt's proof": [RECEIPT_HASH],
  "a receipt's index": [RECEIPT_INDEX],
  "one digit of a consistency proof": [CONSISTENCY_HASH],
};

const INCONSISTENT_TILE = "downloaded inconsistent tile";
const INVALID_SIGNATURE = `invalid signature for key ${ORIGIN}+`;

const READERS: readonly {
  readonly program: (typeof READER_PROGRAMS)[keyof typeof READER_PROGRAMS];
  readonly says: Record<Broken, string>;
}[] = [
  {
    program: READER_PROGRAMS.xMod,
    says: {
      "one bit of a full tile": INCONSISTENT_TILE,
      "one bit of a partial tile": INCONSISTENT_TILE,
      "one bit of an entry": "entry 2047 is not the one in the tree",
      "one bit of an entry, and its hash to match,": INCONSISTENT_TILE,
      "one letter of the checkpoint's signature": INVALID_SIGNATURE,
      "the root, signed by the log,": INCONSISTENT_TILE,
      "one letter of a receipt's proof": "receipt of entry 0: invalid transparency proof",
      "a receipt's index": "not a receipt of entry 3501",
      "one digit of a consistency proof": "consistency from 1: invalid transparency proof",
    },
  },
  {
    program: READER_PROGRAMS.torchwood,
    says: {
      "one bit of a full tile": INCONSISTENT_TILE,
      "one bit of a partial tile": INCONSISTENT_TILE,
      "one bit of an entry": "hash mismatch for entry 2047",
      "one bit of an entry, and its hash to match,": INCONSISTENT_TILE,
      "one letter of the checkpoint's signature": INVALID_SIGNATURE,
      "the root, signed by the log,": INCONSISTENT_TILE,
      "one letter of a receipt's proof":
        "receipt of entry 0: tlog record inclusion proof verification failed",
      "a receipt's index":
        "receipt of entry 3501: tlog record inclusion proof verification failed for index 3502",
      "one digit of a consistency proof": "consistency from 1: invalid transparency proof",
    },
  },
  {
    program: READER_PROGRAMS.rust,
    says: {
      // What our program says, where the crate's own check passes: README.md.
      "one bit of a full tile": "entry 773 is not the one in the tree",
      "one bit of a partial tile": INCONSISTENT_TILE,
      "one bit of an entry": "entry 2047 is not the one in the tree",
      "one bit of an entry, and its hash to match,": "the entries make another root",
      "one letter of the checkpoint's signature": INVALID_SIGNATURE,
      "the root, signed by the log,": INCONSISTENT_TILE,
      "one letter of a receipt's proof": "receipt of entry 0: invalid transparency proof",
      "a receipt's index": "not a receipt of entry 3501",
      "one digit of a consistency proof": "consistency from 1: invalid transparency proof",
    },
  },
  {
    program: READER_PROGRAMS.python,
    says: {
      "one bit of a full tile": "tile/0/003 does not match its parent tile",
      "one bit of a partial tile": "the right-edge tiles do not match the root",
      "one bit of an entry": "tile/entries/007 does not match its level 0 tile",
      "one bit of an entry, and its hash to match,": "tile/0/003 does not match its parent tile",
      "one letter of the checkpoint's signature": `log signature from ${ORIGIN} failed verification`,
      "the root, signed by the log,": "the right-edge tiles do not match the root",
      "one letter of a receipt's proof": "receipt of entry 0: aics-tlog does not verify it",
      "a receipt's index": "not a receipt of entry 3501",
      "one digit of a consistency proof": "consistency from 1: aics-tlog does not verify it",
    },
  },
];

const readers = READERS.map((reader) => ({ ...reader, isThere: reader.program.isThere() }));
const isAnyThere = readers.some(({ isThere }) => isThere);

let log: ReaderLog;
/** One for each of the sizes. */
let logs: ReadonlyMap<number, ReaderLog>;

beforeAll(async () => {
  if (!isAnyThere) return;
  logs = new Map(await Promise.all(SIZES.map(async (size) => [size, await startReaderLog(size)] as const)));
  log = logOf(READ_SIZE);
});

afterAll(async () => {
  if (isAnyThere) await Promise.all([...logs.values()].map((each) => each.stop()));
});

function logOf(size: number): ReaderLog {
  const found = logs.get(size);
  if (found === undefined) throw new Error(`no log of size ${size}`);
  return found;
}

describe.each(readers)("a reader on $program.of", ({ program, says, isThere }) => {
  let read: Read;

  beforeAll(async () => {
    if (isThere) read = await program.prepare();
  });

  it.skipIf(!isThere).each(SIZES)(
    "reads, of size %i, checkpoint, entries, receipts and consistency",
    async (size) => {
      const { url, vkey } = logOf(size);
      const { code, stdout, stderr } = await read(url, vkey);
      const step = 1 + Math.floor(size / 20);
      expect(stderr).toBe("");
      expect(stdout.split("\n")).toEqual([
        `checkpoint: ${ORIGIN}, size ${size}`,
        `entries: ${size}, sha256 ${digestOfEntries(size)}`,
        `receipts: ${Math.ceil(size / step)}`,
        `consistency: ${Math.ceil((size - 1) / step)}`,
        "",
      ]);
      expect(code).toBe(0);
    },
  );

  it.skipIf(!isThere).each(BROKEN)("notices %s changed", async (broken) => {
    const breakages = broken === "the root, signed by the log," ? [await log.lie()] : BREAKAGES[broken];
    log.proxy.breakFromNow(...breakages);
    const { code, stderr } = await read(log.proxy.url, log.vkey);
    expect(log.proxy.changed()).toBeGreaterThan(0);
    expect(stderr).toContain(says[broken]);
    expect(code).toBe(1);
  });
});
