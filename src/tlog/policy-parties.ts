/**
 * A policy's quorum as the parties behind its keys see it. The key's name is the party: whoever holds two keys of one name signs
 * with both or with none.  c2sp.org/tlog-policy; tlog-cosignature, one name for an Ed25519 and an ML-DSA-44 key
 */
import { type Policy, type PolicyGroup, thresholdOf } from "./policy.ts";

/** Who is behind one or several witness keys. */
export interface Party {
  /** The name in the keys. */
  readonly name: string;
  /** What the policy calls its keys, in order of definition; an octet a character. */
  readonly witnesses: readonly string[];
}

/** A group under the quorum. */
export interface TreeGroup {
  readonly name: string;
  /** From 1 to the number of members. */
  readonly threshold: number;
  /** Names of leaves and of groups before this one. */
  readonly members: readonly string[];
}

/**
 * What decides the quorum. A leaf stands for one party: a witness, or a whole group of keys of one party, which say the same.
 * In the tree a party has one leaf, or it is counted more than once.
 */
export interface QuorumTree {
  /** A leaf or a group; undefined for the quorum "none". */
  readonly root: string | undefined;
  /** Members come before their group. */
  readonly groups: readonly TreeGroup[];
  /** The party of each leaf. */
  readonly partyOf: ReadonlyMap<string, Party>;
  /** The leaves of each party that has any: its votes. */
  readonly leavesOf: ReadonlyMap<Party, readonly string[]>;
  /** The same before what says the same was made one leaf: every place where the policy names a party. */
  readonly placesOf: ReadonlyMap<Party, readonly string[]>;
}

/** Every party, in the order in which the policy names them. */
export function partiesOf({ witnesses }: Policy): readonly Party[] {
  const keysOf = new Map<string, string[]>();
  for (const { name, key } of witnesses) {
    const names = keysOf.get(key.name);
    if (names === undefined) keysOf.set(key.name, [name]);
    else names.push(name);
  }
  return [...keysOf].map(([name, names]) => ({ name, witnesses: names }));
}

/** Takes one pass over the groups each way: no recursion, however deep they nest. */
export function quorumTree(policy: Policy): QuorumTree {
  const pure = purePartyOf(policy);
  const root = policy.quorum === "none" ? undefined : policy.quorum;
  const leaves = new Set(root === undefined ? [] : [root]);
  const places = new Set(leaves);
  const groups: TreeGroup[] = [];
  // Members come before their group, so the way down is the way back.
  for (const group of policy.groups.toReversed()) {
    if (pure.has(group.name) || !leaves.delete(group.name)) continue;
    const merged = mergedGroup(group, pure);
    groups.push(merged);
    for (const member of merged.members) leaves.add(member);
    for (const member of group.members) places.add(member);
  }
  return {
    root,
    groups: groups.reverse(),
    partyOf: new Map([...leaves].flatMap((name) => withParty(name, pure))),
    leavesOf: namesByParty(leaves, pure),
    placesOf: namesByParty(places, pure),
  };
}

function withParty(name: string, pure: ReadonlyMap<string, Party>): readonly (readonly [string, Party])[] {
  const party = pure.get(name);
  return party === undefined ? [] : [[name, party]];
}

function namesByParty(
  names: Iterable<string>,
  pure: ReadonlyMap<string, Party>,
): ReadonlyMap<Party, readonly string[]> {
  const byParty = new Map<Party, string[]>();
  for (const [name, party] of [...names].flatMap((name) => withParty(name, pure))) {
    const known = byParty.get(party);
    if (known === undefined) byParty.set(party, [name]);
    else known.push(name);
  }
  return byParty;
}

/** The witnesses, and the groups all of whose keys are of one party. */
function purePartyOf(policy: Policy): ReadonlyMap<string, Party> {
  const pure = new Map(
    partiesOf(policy).flatMap((party) => party.witnesses.map((name) => [name, party] as const)),
  );
  for (const { name, members } of policy.groups) {
    const [first, ...others] = members.map((member) => pure.get(member));
    if (first !== undefined && others.every((party) => party === first)) pure.set(name, first);
  }
  return pure;
}

/**
 * "any" and "all" ask the same whether a party stands in them once or twice, so there it is one member. In any other group
 * a second key is a second vote.
 */
function mergedGroup({ name, threshold, members }: PolicyGroup, pure: ReadonlyMap<string, Party>): TreeGroup {
  const wanted = thresholdOf(threshold, members.length);
  if (wanted > 1 && wanted < members.length) return { name, threshold: wanted, members };
  const seen = new Set<Party>();
  const once = members.filter((member) => {
    const party = pure.get(member);
    if (party === undefined) return true;
    const isFirst = !seen.has(party);
    seen.add(party);
    return isFirst;
  });
  return { name, threshold: wanted === 1 ? 1 : once.length, members: once };
}
