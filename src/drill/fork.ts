/** An operator starts an old copy beside what its witnesses and readers saw: it must not get far, and whoever saw both must convict it. */
import { rm } from "node:fs/promises";
import { LogForkedError, memoryCheckpoints, openLogClient } from "../../client/index.ts";
import { TlogError } from "../errors.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import { encodeUtf8 } from "../tlog/encoding.ts";
import { verifyForkEvidence } from "../tlog/fork-evidence.ts";
import { addPublished, openAt, withLog, withServed } from "./live-log.ts";
import { Entries } from "./load.ts";
import type { Rehearsal, Scene } from "./rehearsal.ts";
import type { Place } from "./stage.ts";
import { type DrillWitnesses, openDrillWitnesses } from "./witnesses.ts";

const FIRST = 20;
const SECOND = 30;

export const fork: Rehearsal = {
  name: "fork",
  title: "an old copy, restored together with its guard, is started and signs a second history",
  copies: 1,
  advice:
    "a fork that nobody could prove is worse than one that is seen: keep the report for the authors, and until then let nobody start this log from a copy",
  run,
};

async function run(scene: Scene): Promise<void> {
  const { stage, policy } = scene;
  const witnesses = await openDrillWitnesses(stage.signer.verifierKey, policy);
  try {
    const checkpoints = memoryCheckpoints();
    const reader = (url: string) => openLogClient({ url, vkey: stage.vkey, checkpoints });
    await firstHistory(scene, witnesses, async (url) => {
      const { treeSize } = await reader(url).checkpoint({ signal: scene.signal });
      return treeSize;
    });
    const copy = await scene.copyLog("second");
    await refusedByWitnesses(scene, copy, witnesses);
    const evidence = await withServed(openAt(stage, copy), async ({ log, url }) => {
      await secondHistory(scene, { log, witnesses });
      return await convictedBy(scene, () => reader(url).checkpoint({ signal: scene.signal }));
    });
    await verified(scene, evidence);
    await toldToWitnesses(scene, witnesses, evidence);
  } finally {
    await witnesses.close();
  }
}

async function firstHistory(
  scene: Scene,
  witnesses: DrillWitnesses,
  read: (url: string) => Promise<number>,
): Promise<void> {
  const { stage, notes, signal } = scene;
  const place = await scene.copyLog("first");
  const count = witnesses.names.length;
  await notes.step(
    {
      did: `added ${FIRST} entries, cosigned by ${count} witnesses, seen by a reader`,
      expected: "a quorum cosigned",
    },
    async () =>
      await withServed(openAt(stage, place, { witnesses }), async ({ log, url }) => {
        await addPublished(log, { entries: new Entries("first"), count: FIRST, signal });
        const { cosignatures } = await openCheckpoint({
          policy: witnesses.policy,
          signedNote: log.published().checkpoint,
        });
        const seen = await read(url);
        const saw = `size ${seen}, cosigned by ${cosignatures.length} of ${count}`;
        return { saw, isAsExpected: seen === stage.treeSize + FIRST };
      }),
  );
  await rm(place.data, { recursive: true, force: true });
}

async function refusedByWitnesses(scene: Scene, copy: Place, witnesses: DrillWitnesses): Promise<void> {
  if (witnesses.policy.quorum === "none") return;
  await scene.notes.refused(
    {
      did: "started a copy from before, restored together with its guard, with the same witnesses",
      expected: "refused: LOG_ROLLED_BACK, for the witnesses show what was signed since",
    },
    {
      code: "LOG_ROLLED_BACK",
      act: () => withLog(openAt(scene.stage, copy, { witnesses }), async () => undefined),
    },
  );
}

async function secondHistory(
  { notes, signal, stage }: Scene,
  {
    log,
    witnesses,
  }: { readonly log: Awaited<ReturnType<typeof openAt>>; readonly witnesses: DrillWitnesses },
): Promise<void> {
  await notes.step(
    {
      did: `started it without witnesses, and added ${SECOND} other entries`,
      expected: "it signs a second history: the mistake that is rehearsed",
    },
    async () => {
      await addPublished(log, { entries: new Entries("second"), count: SECOND, signal });
      const { treeSize } = log.published();
      return { saw: `size ${treeSize} is signed`, isAsExpected: treeSize === stage.treeSize + SECOND };
    },
  );
  if (witnesses.policy.quorum === "none") return;
  await notes.refused(
    { did: "showed that head to a reader with the policy", expected: "refused: QUORUM_NOT_MET" },
    {
      code: "QUORUM_NOT_MET",
      act: () => openCheckpoint({ policy: witnesses.policy, signedNote: log.published().checkpoint }),
    },
  );
}

async function convictedBy({ notes }: Scene, look: () => Promise<unknown>): Promise<string> {
  const expected = "LOG_FORKED, with evidence";
  const did = "showed it to a reader that has the log's key alone, and saw the first history";
  return await notes.find({ did, expected }, async () => {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof LogForkedError) || error.evidence === undefined) throw error;
      return { saw: `${error.message} [${error.code}]`, found: error.evidence };
    }
    throw new TlogError("CHECKUP_FAILED", "the reader saw nothing wrong");
  });
}

async function verified({ notes, stage }: Scene, evidence: string): Promise<void> {
  await notes.step(
    { did: "verified the evidence offline, with the log's key alone", expected: "it convicts the log" },
    async () => {
      const { id, kind, accused } = await verifyForkEvidence({
        evidence,
        logKeys: [stage.signer.verifierKey],
      });
      const isAsExpected = accused.role === "log" && accused.name === stage.origin;
      return { saw: `CONVICTED: the ${accused.role}, ${kind}, evidence ${id}`, isAsExpected };
    },
  );
}

async function toldToWitnesses({ notes, stage }: Scene, witnesses: DrillWitnesses, evidence: string) {
  await notes.step(
    { did: "gave the evidence to every witness", expected: "each convicts the log, and cosigns it no more" },
    async () => {
      let convicted = 0;
      for (const name of witnesses.names) {
        await witnesses.witness(name)?.addEvidence(encodeUtf8(evidence));
        if ((await witnesses.witness(name)?.conviction(stage.origin)) !== undefined) convicted += 1;
      }
      return {
        saw: `${convicted} of ${witnesses.names.length} convicted it`,
        isAsExpected: convicted === witnesses.names.length,
      };
    },
  );
}
