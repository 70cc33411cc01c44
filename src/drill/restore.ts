/** The data is gone and an old backup is put back: the guard must refuse it, say by how much, and each way out must lead out. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openFetcher } from "../../client/fetcher.ts";
import { openNewestHead } from "../archive/carried-keys.ts";
import { importLog } from "../archive/import.ts";
import { openRemoteSource } from "../archive/remote-source.ts";
import { restoreBackup } from "../archive/restore.ts";
import { openGuardFile } from "../server.ts";
import { type Added, addPublished, missingIn, openAt, withLog, withServed } from "./live-log.ts";
import { Entries } from "./load.ts";
import type { Rehearsal, Scene } from "./rehearsal.ts";
import type { Place } from "./stage.ts";
import { seconds } from "./words.ts";

/** Added after the backup was made: what it lacks. */
const SINCE = 200;

export const restore: Rehearsal = {
  name: "restore",
  title: `the data is lost and a backup is put back that is ${SINCE} entries old`,
  copies: 2,
  advice:
    "do not sign from a restored backup before this passes: it is how a log forks. See that backup, export and guard are where deploy/README.md (Restore) wants them, and keep the report for the authors",
  run,
};

async function run(scene: Scene): Promise<void> {
  const { stage, notes, signal, now } = scene;
  const lost = await scene.copyLog("log");
  const entries = new Entries("restore");
  const added = await notes.find(
    { did: `added ${SINCE} entries after the backup`, expected: "they are answered and published" },
    async () => {
      const found = await withLog(openAt(stage, lost), (log) =>
        addPublished(log, { entries, count: SINCE, signal }),
      );
      return { saw: `${found.size} entries are published`, found };
    },
  );
  const restored: Place = { data: join(stage.folder, "restored"), guard: lost.guard };
  const begun = now();
  await putBack(scene, restored);
  const restoredMs = now() - begun;
  await notes.refused(
    { did: "started the log on it, with the guard of the lost one", expected: "refused: GUARD_AHEAD" },
    { code: "GUARD_AHEAD", act: () => withLog(openAt(stage, restored), async () => undefined) },
  );
  await notes.refused(
    { did: "started it where the guard is lost, too", expected: "refused: GUARD_MISSING" },
    {
      code: "GUARD_MISSING",
      act: () => withLog(openAt(stage, { ...restored, guard: noGuard(scene, 1) }), async () => undefined),
    },
  );
  const importedMs = await leadOut(scene, { lost, restored, added });
  await goOn(scene, { lost, restored, added, spentMs: restoredMs + importedMs });
  await rm(restored.data, { recursive: true, force: true });
}

/** As `bristlecone restore --verify` does. */
async function putBack({ stage, notes, signal }: Scene, { data, guard: path }: Place): Promise<void> {
  const expected = `every entry of it verifies, and the guard does not accept it: ${SINCE} entries are missing`;
  await notes.step({ did: "put the backup back, and read it from end to end", expected }, async () => {
    const guard = await openGuardFile(path);
    try {
      const options = { from: stage.backup, directory: data, guard, verify: true, signal };
      const { manifest, guard: verdict } = await restoreBackup(options);
      if (verdict.fits) return { saw: "the guard accepts it", isAsExpected: false };
      const saw = `${manifest.treeSize} entries, verified; ${verdict.message}: ${verdict.missing} entries are missing [${verdict.code}]`;
      return { saw, isAsExpected: verdict.code === "GUARD_AHEAD" && verdict.missing === SINCE };
    } finally {
      await guard.close();
    }
  });
}

interface Both {
  readonly lost: Place;
  readonly restored: Place;
  readonly added: Added;
}

/** What a person may try. @returns how long the import took */
async function leadOut(scene: Scene, { lost, restored, added }: Both): Promise<number> {
  const { stage, notes, signal, now } = scene;
  return await withServed(openAt(stage, lost), async ({ log, url }) => {
    await notes.step(
      {
        did: "way out: brought back the newest data directory, and started it",
        expected: "it starts, and holds all that was answered",
      },
      async () => {
        const missing = await missingIn(log, added);
        return { saw: `it starts; ${missing} of ${added.size} are missing`, isAsExpected: missing === 0 };
      },
    );
    await notes.refused(
      {
        did: "no way out: --recreate-guard on the old backup, with --served-at where the newest head is shown",
        expected: "refused: LOG_ROLLED_BACK",
      },
      {
        code: "LOG_ROLLED_BACK",
        act: () =>
          withLog(
            openAt(
              stage,
              { ...restored, guard: noGuard(scene, 2) },
              { recreateGuard: true, served: { urls: [url] } },
            ),
            async () => undefined,
          ),
      },
    );
    const begun = now();
    const did = "way out: `import` of what is missing, from a mirror";
    await notes.step(
      { did, expected: `${SINCE} entries come, each verified; the guard accepts` },
      async () => {
        const source = openRemoteSource(url, openFetcher(url));
        const trust = { logKeys: [stage.signer.verifierKey] };
        const head = await openNewestHead(source, { trust, history: undefined, signal });
        const guard = await openGuardFile(restored.guard);
        try {
          const options = { sources: [source], head, directory: restored.data, guard, signal };
          const { before, treeSize, guard: outcome } = await importLog(options);
          const came = treeSize - before;
          return {
            saw: `${came} entries came; the guard: ${outcome}`,
            isAsExpected: came === SINCE && outcome !== "none",
          };
        } finally {
          await guard.close();
        }
      },
    );
    return now() - begun;
  });
}

async function goOn(
  { stage, notes, signal, now }: Scene,
  { lost, restored, added, spentMs }: Both & { readonly spentMs: number },
): Promise<void> {
  const entries = new Entries("restored");
  const begun = now();
  await notes.step(
    {
      did: "started the log on it, and added an entry",
      expected: "it takes it, and holds all that was answered",
    },
    async () =>
      await withLog(openAt(stage, restored), async (log) => {
        await addPublished(log, { entries, count: 1, signal });
        const missing = await missingIn(log, added);
        return {
          saw: `it takes entries; ${missing} of ${added.size} are missing`,
          isAsExpected: missing === 0,
        };
      }),
  );
  const tookMs = spentMs + now() - begun;
  await notes.refused(
    {
      did: "started the lost data again, which was found after all",
      expected: "refused: one log, one directory",
    },
    { code: "GUARD_AHEAD", act: () => withLog(openAt(stage, lost), async () => undefined) },
  );
  notes.figure({
    name: "recovery-seconds",
    value: tookMs / 1000,
    means: `RTO: ${seconds(tookMs)} from the backup to the first entry taken, for ${stage.treeSize} entries, with a mirror on this machine`,
  });
  notes.figure({
    name: "lost-entries",
    value: 0,
    means: `RPO: 0 of ${added.size} entries lost with a mirror; the backup alone lacks all ${SINCE}, and is refused`,
  });
}

function noGuard({ stage }: Scene, number: number): string {
  return join(stage.folder, `no-guard-${number}`);
}
