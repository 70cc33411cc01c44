/** Does jobs: what a process of a check runs. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { orUndefined, TlogError } from "../errors.ts";
import { peakCoordinates, rangeRoot } from "../merkle/compact-range.ts";
import { formatTilePath } from "../tlog/tile.ts";
import { readNodes } from "../tlog/tile-reader.ts";
import { NOTHING_FOUND } from "./finding.ts";
import { openFolderSource } from "./folder-source.ts";
import type { Answer, Done, Job, Target } from "./jobs.ts";
import { checkSlice } from "./slice.ts";
import { announcing, type BeforeReading, damageIn, type TreeSource } from "./source.ts";
import { readSpine } from "./spine.ts";
import { openStoreChecker } from "./store-checker.ts";
import { openUrlSource } from "./url-source.ts";

export interface CheckerOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: Done) => void) | undefined;
  /** See `SliceOptions`. Default: a turn of the event loop. */
  readonly otherWork?: ((bytes: number) => Promise<void>) | undefined;
}

export interface Checker {
  /** @param before - of what may end the process; see {@link BeforeReading}. @throws what is no damage of what is checked */
  run(job: Job, before?: BeforeReading): Promise<Answer>;
  close(): Promise<void>;
}

/** What the opening of a store throws, the first job does: STORE_DIRECTORY_FOREIGN | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FAILED. */
export function openChecker(target: Target, options: CheckerOptions = {}): Checker {
  const store = target.kind === "store" ? openStoreChecker(target.directory, options) : undefined;
  const source = store?.source ?? sourceOf(target, options.signal);
  return {
    async run(job, before) {
      if (job.kind !== "file") await store?.assume(job.assumedSize);
      const own = before === undefined ? source : announcing(source, before);
      if (job.kind === "slice") {
        const { otherWork = () => nextTurn() } = options;
        return { kind: "slice", slice: await checkSlice(own, job.slice, { ...options, otherWork }) };
      }
      if (job.kind === "spine") {
        const tiles = await readSpine(own, job.treeSize);
        const roots: (Uint8Array | undefined)[] = [];
        for (const size of job.sizes) roots.push(await rootAt(own, size));
        return { kind: "spine", tiles, roots };
      }
      return (await store?.run(job, before)) ?? nothingThere(job);
    },
    close: async () => await store?.close(),
  };
}

function sourceOf(target: Target, signal: AbortSignal | undefined): TreeSource {
  if (target.kind === "url") return openUrlSource(target, signal);
  return openFolderSource(target.directory);
}

/** Of a log that is no store: it has neither rows nor a leaf index. */
function nothingThere(job: Exclude<Job, { readonly kind: "slice" | "spine" }>): Answer {
  if (job.kind === "strays" || job.kind === "run") return { kind: job.kind, found: NOTHING_FOUND };
  throw new TlogError("ARGUMENT_INVALID", `${job.kind}: want a data directory`);
}

/** The root of the stored tree at a size it has reached; undefined when its tiles are missing. */
async function rootAt(source: TreeSource, treeSize: number): Promise<Uint8Array | undefined> {
  try {
    const peaks = await readNodes(peakCoordinates(treeSize), treeSize, async (tile) => {
      const bytes = await source.readTile(tile);
      if (bytes !== undefined) return bytes;
      throw new TlogError("STORE_DAMAGED", `${formatTilePath(tile)} is missing`);
    });
    return orUndefined(() => rangeRoot({ treeSize, peaks }));
  } catch (error) {
    if (error instanceof TlogError && error.code === "TILE_MALFORMED") return undefined;
    damageIn(error);
    return undefined;
  }
}
