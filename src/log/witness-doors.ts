import type { FetchFunction } from "../../client/fetcher.ts";
import { openWitnessClient } from "../../client/witness-client.ts";
import type { NoteSignature } from "../tlog/note.ts";
import type { Cosignature } from "./cosignatures.ts";
import { type AskedHead, WitnessLink, type WitnessLinkOptions } from "./witness-link.ts";
import type { ReachableWitness, WitnessOptions } from "./witness-options.ts";

/** One URL, and the witnesses (keys) of the policy that answer there. */
export interface Door {
  readonly link: WitnessLink;
  readonly names: readonly string[];
}

type DoorOptions = WitnessOptions &
  Pick<WitnessLinkOptions, "prove" | "now"> & {
    readonly reachable: readonly ReachableWitness[];
    readonly held: { readonly treeSize: number; readonly cosignatures: readonly Cosignature[] } | undefined;
  };

type Accept = (
  witnesses: readonly ReachableWitness[],
  head: AskedHead,
  lines: readonly NoteSignature[],
) => Promise<void>;

/** One door a URL: several keys of one witness are asked once. */
export function openDoors(options: DoorOptions, accept: Accept): readonly Door[] {
  const prove = lastShared(options.prove);
  const groups: { url: string; fetch: FetchFunction | undefined; witnesses: ReachableWitness[] }[] = [];
  for (const witness of options.reachable) {
    const fetch = options.fetchFor?.(witness);
    const known = groups.find((group) => group.url === witness.url && group.fetch === fetch);
    if (known === undefined) groups.push({ url: witness.url, fetch, witnesses: [witness] });
    else known.witnesses.push(witness);
  }
  return groups.map(({ url, fetch, witnesses }) => {
    const names = witnesses.map(({ name }) => name);
    const isHeld = options.held?.cosignatures.some(({ name }) => names.includes(name)) === true;
    const client = openWitnessClient({
      url,
      ...(fetch !== undefined && { fetch }),
      timeoutMs: options.timeoutMs,
      random: options.random,
    });
    const link = new WitnessLink({
      ...options,
      prove,
      client,
      accept: (head, lines) => accept(witnesses, head, lines),
      knownSize: isHeld ? (options.held?.treeSize ?? 0) : 0,
    });
    return { link, names };
  });
}

/** Witnesses that follow a log want the same proof at the same moment: it is made once. */
export function lastShared(prove: DoorOptions["prove"]): DoorOptions["prove"] {
  let last: { readonly key: string; readonly proof: ReturnType<DoorOptions["prove"]> } | undefined; // owned by the returned function
  return (between) => {
    const key = `${between.fromSize} ${between.toSize}`;
    if (last?.key === key) return last.proof;
    const proof = prove(between);
    const made = { key, proof };
    last = made;
    proof.catch(() => {
      // Not kept: the next one who asks tries again.
      if (last === made) last = undefined;
    });
    return proof;
  };
}
