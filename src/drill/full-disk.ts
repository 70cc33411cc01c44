/** No room: below the log's own floor, and where a write fails. Entries are refused, nothing that was answered is lost, and room brings it back. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { RemoteRefusedError } from "../../client/errors.ts";
import { type LogClient, openLogClient } from "../../client/index.ts";
import { InvariantError, TlogError } from "../errors.ts";
import { freeBytes } from "../node/free-bytes.ts";
import { DATA_FILE } from "../store/data-directory.ts";
import { Entries, Ledger, untilAdded } from "./load.ts";
import { type Rehearsal, type Scene, wantsProgram } from "./rehearsal.ts";
import { type ServerOptions, startServer } from "./server-process.ts";
import { seconds } from "./words.ts";

/** How much larger than it is the data file may become. */
const ROOM_BYTES = 1024 * 1024;
const LARGE_ENTRY_BYTES = 60_000;
/** Free pages in the file take entries without growing it. */
const MAX_LARGE_ENTRIES = 2_000;
const FAR_TOO_MUCH_BYTES = 2 ** 44;
const ADDED_WITHIN_MS = 60_000;

export const fullDisk: Rehearsal = {
  name: "full-disk",
  title:
    "free space falls below the floor; then writes fail, as on a full disk (a limit on the size of files, kept by the kernel)",
  copies: 1,
  obstacle: (scene) =>
    process.platform === "win32" ? "there is no limit on the size of files here" : wantsProgram(scene),
  advice:
    "an answered entry that a full disk took away must not be: keep the report for the authors. Until then watch the free space (deploy/README.md, Capacity)",
  run,
};

async function run(scene: Scene): Promise<void> {
  const { program, stage, notes, signal } = scene;
  if (program === undefined) throw new InvariantError("a full disk needs a program that fills it");
  const place = await scene.copyLog("log");
  const options = { program, folder: stage.folder, place, keyFile: stage.keyFile, signal };
  const entries = new Entries("disk");
  const ledger = new Ledger();
  const parts = { scene, entries, ledger };
  const floor = (await freeBytes(place.data)) + FAR_TOO_MUCH_BYTES;
  await life(parts, { ...options, flags: ["--min-free-bytes", String(floor)] }, async (log) => {
    await notes.step(
      {
        did: "started it with --min-free-bytes above what is free",
        expected: "entries are refused: SPACE_LOW; reading goes on",
      },
      async () => await refusedWith(log, { entries, ledger, signal, bytes: 256, most: 1 }, ["SPACE_LOW"]),
    );
  });
  await life(parts, options, async (log) => await takesAgain(log, parts, "lowered the floor"));
  const { size } = await stat(join(place.data, DATA_FILE));
  await life(parts, { ...options, maxFileBytes: size + ROOM_BYTES }, async (log) => {
    await notes.step(
      {
        did: `let no file grow above ${size + ROOM_BYTES} bytes (ulimit -f), and filled it`,
        expected: "a write fails; entries are refused from then on; reading goes on",
      },
      async () => {
        const filling = { entries, ledger, signal, bytes: LARGE_ENTRY_BYTES, most: MAX_LARGE_ENTRIES };
        return await refusedWith(log, filling, ["LOG_READ_ONLY", "STORE_FULL", "STORE_FAILED", "INTERNAL"]);
      },
    );
  });
  await life(
    parts,
    options,
    async (log) => await takesAgain(log, parts, "gave it room, and started it again"),
  );
  const lost = ledger.size - ledger.checked;
  notes.figure({
    name: "lost-entries",
    value: lost,
    means: `RPO: ${lost} of ${ledger.size} answered entries lost`,
  });
}

interface Parts {
  readonly scene: Scene;
  readonly entries: Entries;
  readonly ledger: Ledger;
}

async function life(
  { scene }: Parts,
  options: ServerOptions,
  work: (log: LogClient) => Promise<void>,
): Promise<void> {
  const server = await startServer(options);
  try {
    const retry = { maxAttempts: 1 };
    await work(openLogClient({ url: server.url, vkey: scene.stage.vkey, retry }));
  } finally {
    await server.stop();
  }
}

/** Adds until one is refused, and reads. */
async function refusedWith(
  log: LogClient,
  filling: {
    readonly entries: Entries;
    readonly ledger: Ledger;
    readonly signal: AbortSignal;
    readonly bytes: number;
    readonly most: number;
  },
  codes: readonly string[],
) {
  const { entries, ledger, signal, bytes, most } = filling;
  for (let taken = 0; taken < most; taken++) {
    const entry = entries.next(bytes);
    try {
      const { leafIndex } = await log.append(entry, { signal });
      ledger.answered(leafIndex, entry);
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      const code =
        error instanceof RemoteRefusedError ? (error.problemCode ?? `${error.status}`) : error.code;
      const { treeSize } = await log.checkpoint({ signal });
      if (treeSize > 0) await log.entry(treeSize - 1, { signal });
      return {
        saw: `after ${taken} entries: refused with ${code}; size ${treeSize} is read on`,
        isAsExpected: codes.includes(code),
      };
    }
  }
  return { saw: `${most} entries were taken, and none refused`, isAsExpected: false };
}

async function takesAgain(log: LogClient, { scene, entries, ledger }: Parts, did: string): Promise<void> {
  const { notes, signal, stage, now } = scene;
  await notes.step({ did, expected: "it takes entries, and holds all that was answered" }, async () => {
    const begun = now();
    await untilAdded(log, { entries, ledger, withinMs: ADDED_WITHIN_MS, signal });
    const tookMs = now() - begun;
    const { lost } = await ledger.check(log, { start: stage.treeSize, signal });
    const saw = `takes entries ${seconds(tookMs)} after it listens; ${ledger.checked} of ${ledger.size} answered are there`;
    return { saw, isAsExpected: lost === 0 };
  });
}
