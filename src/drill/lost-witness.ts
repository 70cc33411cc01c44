/** Witnesses go away, as many as the policy stands and then one more; and come back. */
import { TlogError } from "../errors.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import { showOctets } from "../tlog/policy.ts";
import { quorumTree } from "../tlog/policy-parties.ts";
import { fewestDown } from "../tlog/policy-resilience.ts";
import { addPublished, openAt, published, until, withLog } from "./live-log.ts";
import { Entries } from "./load.ts";
import type { Rehearsal, Scene } from "./rehearsal.ts";
import { type DrillWitnesses, openDrillWitnesses } from "./witnesses.ts";
import { seconds } from "./words.ts";

const NOTICED_WITHIN_MS = 30_000;

export const lostWitness: Rehearsal = {
  name: "lost-witness",
  title: "witnesses stop answering, up to the quorum and beyond it, and come back",
  copies: 1,
  obstacle: ({ policy }) =>
    policy?.quorum === "none" ? "the policy wants no witness, so none can be missed" : undefined,
  advice:
    "`bristlecone policy check` says what the policy stands; more witnesses, or a lower threshold, let it stand more. If entries were refused or shown without a quorum here, keep the report for the authors",
  run,
};

async function run(scene: Scene): Promise<void> {
  const { stage, notes } = scene;
  const witnesses = await openDrillWitnesses(stage.signer.verifierKey, scene.policy);
  const least = leastToLose(scene, witnesses);
  const entries = new Entries("witness");
  const place = await scene.copyLog("log");
  const parts = { scene, witnesses, entries, least };
  try {
    await withLog(openAt(stage, place, { witnesses }), async (log) => {
      await strict({ ...parts, log });
    });
    witnesses.lose(least);
    const further = { witnesses: { ...witnesses, mode: "best-effort" as const } };
    await notes.step(
      {
        did: `started it with --quorum-mode best-effort while ${least.length} are away`,
        expected: "it publishes all the same, and a reader with the policy refuses what it shows",
      },
      async () =>
        await withLog(openAt(stage, place, further), async (log) => {
          await addPublished(log, { entries, count: 1, signal: scene.signal });
          const refusal = await openCheckpoint({
            policy: witnesses.policy,
            signedNote: log.published().checkpoint,
          }).then(
            () => "accepted",
            (error: unknown) => (error instanceof TlogError ? error.code : String(error)),
          );
          return { saw: `published; the reader: ${refusal}`, isAsExpected: refusal === "QUORUM_NOT_MET" };
        }),
    );
  } finally {
    await witnesses.close();
  }
  notes.figure({
    name: "witnesses-to-spare",
    value: least.length - 1,
    means: `the quorum stands the loss of any ${least.length - 1} of ${witnesses.names.length} witnesses, and not of ${least.map(showOctets).join(", ")}`,
  });
}

/** Without these there is no quorum, and without fewer there always is. */
function leastToLose({ policy }: Scene, witnesses: DrillWitnesses): readonly string[] {
  const fewest = fewestDown(quorumTree(policy ?? witnesses.policy));
  return (fewest?.parties ?? []).flatMap((party) => party.witnesses);
}

interface Parts {
  readonly scene: Scene;
  readonly witnesses: DrillWitnesses;
  readonly entries: Entries;
  readonly least: readonly string[];
  readonly log: Awaited<ReturnType<typeof openAt>>;
}

async function strict({ scene, witnesses, entries, least, log }: Parts): Promise<void> {
  const { notes, signal, now } = scene;
  const count = witnesses.names.length;
  const cosignedBy = async () => {
    await addPublished(log, { entries, count: 1, signal });
    const { policy } = witnesses;
    const { cosignatures } = await openCheckpoint({ policy, signedNote: log.published().checkpoint });
    return { saw: `published, cosigned by ${cosignatures.length} of ${count}`, isAsExpected: true };
  };
  await notes.step(
    { did: "added an entry with all witnesses there", expected: "it is published" },
    cosignedBy,
  );
  const spared = least.slice(1);
  if (spared.length > 0) {
    witnesses.lose(spared);
    const did = `took ${spared.length} of ${count} witnesses away, and added an entry`;
    await notes.step({ did, expected: "it is published: a quorum is left" }, cosignedBy);
  }
  witnesses.lose(least);
  const shown = log.published().treeSize;
  const waiting = await notes.find(
    {
      did: `took ${least.length} away (${least.map(showOctets).join(", ")}), and added an entry`,
      expected:
        "it is answered; readers go on seeing the last head that a quorum cosigned; the log says that it misses one",
    },
    async () => {
      const { leafIndex } = await log.add(entries.next());
      const isMissing = () => log.witnessing()?.isQuorumMissing === true;
      await until("the log says that it misses a quorum", isMissing, { withinMs: NOTICED_WITHIN_MS, signal });
      const { treeSize } = log.published();
      const failing = log.witnessing()?.witnesses.filter(({ isFailing }) => isFailing).length ?? 0;
      if (treeSize !== shown)
        throw new TlogError("CHECKUP_FAILED", `size ${treeSize} is shown without a quorum`);
      return {
        saw: `answered with index ${leafIndex}; size ${treeSize} is shown; ${failing} fail`,
        found: leafIndex,
      };
    },
  );
  witnesses.lose([]);
  const begun = now();
  const back = "the entry is published by itself, cosigned by a quorum";
  await notes.step({ did: "let them come back", expected: back }, async () => {
    await published(log, waiting, signal);
    const tookMs = now() - begun;
    notes.figure({
      name: "quorum-recovery-seconds",
      value: tookMs / 1000,
      means: `${seconds(tookMs)} from their return to the next head`,
    });
    const { policy } = witnesses;
    const { cosignatures } = await openCheckpoint({ policy, signedNote: log.published().checkpoint });
    const saw = `published after ${seconds(tookMs)}, cosigned by ${cosignatures.length} of ${count}`;
    return { saw, isAsExpected: true };
  });
}
