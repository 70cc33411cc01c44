import type { LogEvents } from "../events.ts";
import { showOctets } from "../tlog/policy.ts";
import { CosignStage } from "./cosign.ts";
import { cosignaturesIn, withoutCosignatures } from "./cosignatures.ts";
import type { Publication } from "./log.ts";
import type { LogOptions } from "./options.ts";
import type { OwnKeys } from "./own-keys.ts";
import { consistencyProof, nodesOf } from "./prove.ts";
import type { HeadSigner } from "./sign-head.ts";
import { checkedWitnesses, type ReachableWitness } from "./witness-options.ts";

type StageOptions = Pick<LogOptions, "witnesses" | "signers" | "store" | "now"> & {
  readonly events: Required<LogEvents>;
};

/**
 * The witnesses the log can ask, with a warning for every other one.
 * @throws {TlogError} ARGUMENT_INVALID: a policy this log could never meet
 */
export function reachableWitnesses({
  witnesses,
  signers,
  events,
}: StageOptions): readonly ReachableWitness[] {
  if (witnesses === undefined) return [];
  const reachable = checkedWitnesses(witnesses, signers);
  for (const { name, url } of witnesses.policy.witnesses) {
    if (url !== undefined) continue;
    events.warning({
      code: "WITNESS_WITHOUT_URL",
      message: `the policy names no URL for witness ${showOctets(name)}: it is never asked`,
    });
  }
  return reachable;
}

/** The log's own part of its published checkpoint: what goes to witnesses when it is to be cosigned again. */
export function ownPart(
  published: Publication | undefined,
  keys: Pick<OwnKeys, "labels">,
): Publication | undefined {
  if (published === undefined) return undefined;
  return { ...published, checkpoint: ownNote(published.checkpoint, keys) };
}

/** A checkpoint with the log's signatures alone. */
export function ownNote(checkpoint: Uint8Array, { labels }: Pick<OwnKeys, "labels">): Uint8Array {
  return withoutCosignatures(checkpoint, labels);
}

/** What the published checkpoint holds already tells how far each witness is. */
export async function openStage(
  options: StageOptions,
  from: {
    readonly recorded: Publication | undefined;
    readonly published: Publication | undefined;
    readonly reachable: readonly ReachableWitness[];
    readonly keys: Pick<OwnKeys, "labels">;
    readonly signer: HeadSigner;
    /** A witness says that it knows another tree. */
    readonly onConflict: () => void;
  },
): Promise<CosignStage | undefined> {
  const { witnesses, store } = options;
  const { recorded, published, reachable, signer, onConflict } = from;
  if (witnesses === undefined) {
    warnOfDroppedWitnesses(recorded, from.keys, options);
    return undefined;
  }
  const held = published && {
    ...published,
    cosignatures: await cosignaturesIn(published.checkpoint, reachable),
  };
  const nodes = nodesOf(store);
  return new CosignStage({
    ...options,
    ...witnesses,
    reachable,
    held,
    onConflict,
    prove: (between) => consistencyProof(nodes, signer.readableSize, between),
  });
}

/** Who keeps a policy gets nothing more from a log that ends to be cosigned: somebody must have meant that. */
function warnOfDroppedWitnesses(
  recorded: Publication | undefined,
  keys: Pick<OwnKeys, "labels">,
  options: StageOptions,
): void {
  const own = ownPart(recorded, keys);
  if (own === undefined || own.checkpoint.length === recorded?.checkpoint.length) return;
  options.events.warning({
    code: "WITNESSES_DROPPED",
    message:
      "the last checkpoint carries signatures beside the log's own, and this start asks no witness: what is published from now on fails for everybody whose policy wants them",
  });
}
