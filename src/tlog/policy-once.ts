/** A policy in which no party is counted twice, made from one in which some are. */
import { encodeUtf8 } from "./encoding.ts";
import { type Policy, type PolicyGroup, thresholdOf } from "./policy.ts";
import { type Party, quorumTree } from "./policy-parties.ts";

/** What has to change for one party. */
export interface Correction {
  readonly party: Party;
  /** How often the quorum counts it. */
  readonly votes: number;
  /** Whole lines of the policy, an octet a character: a group for the party's keys, and the groups that named them. */
  lines(): readonly string[];
}

/**
 * Puts the keys of each party that is counted twice into a group of their own, of which one counts, in the place of the last
 * of them. Thresholds stay, as far as there are members: they now count parties.
 */
export function countedOnce(policy: Policy): {
  readonly policy: Policy;
  readonly corrections: readonly Correction[];
} {
  const { leavesOf, placesOf } = quorumTree(policy);
  const moves = [...leavesOf].flatMap(([party, leaves]) =>
    leaves.length > 1 ? [{ party, votes: leaves.length, places: placesOf.get(party) ?? [] }] : [],
  );
  const nests = nestsOf(policy, moves);
  const rebuilt = rebuild(policy, nests);
  const before = new Map(policy.groups.map((group) => [group.name, group]));
  const corrections = nests.map(({ party, votes, group, places }) => ({
    party,
    votes,
    lines: () => {
      const touched = rebuilt.changed.filter(({ name }) =>
        before.get(name)?.members.some((member) => places.has(member) || rebuilt.emptied.has(member)),
      );
      return [groupLine(group), ...touched.map(lineOrLoss)];
    },
  }));
  return { policy: { ...policy, groups: rebuilt.groups }, corrections };
}

function lineOrLoss(group: PolicyGroup): string {
  return group.members.length === 0 ? `# no group ${group.name}: nothing is left in it` : groupLine(group);
}

/** "group g 2 a b c". */
export function groupLine({ name, threshold, members }: PolicyGroup): string {
  return ["group", name, `${threshold}`, ...members].join(" ");
}

/** A party's keys, and the group they go into. */
interface Nest extends Pick<Correction, "party" | "votes"> {
  readonly places: ReadonlySet<string>;
  readonly group: PolicyGroup;
  /** The place whose group gets the nest: the last in the policy, where all the others are defined. */
  readonly last: string;
}

function nestsOf(
  policy: Policy,
  moves: readonly (Pick<Correction, "party" | "votes"> & { readonly places: readonly string[] })[],
): readonly Nest[] {
  const taken = new Set(["none", ...policy.witnesses.map(({ name }) => name)]);
  for (const { name } of policy.groups) taken.add(name);
  const positions = new Map(
    policy.groups.flatMap(({ members }, index) => members.map((member) => [member, index])),
  );
  return moves.map(({ party, votes, places }) => {
    const inOrder = places.toSorted((a, b) => (positions.get(a) ?? 0) - (positions.get(b) ?? 0));
    const group = { name: freeName(party, taken), threshold: "any" as const, members: inOrder };
    return { party, votes, places: new Set(places), group, last: inOrder.at(-1) ?? "" };
  });
}

/** The party's own name, in octets a policy can hold, unless the policy uses it already. */
function freeName({ name }: Party, taken: Set<string>): string {
  const octets = Array.from(encodeUtf8(name), (octet) => String.fromCharCode(octet)).join("");
  const base = octets.replace(/[^\x21-\x7e\x80-\xff]/g, "-");
  let free = base;
  for (let number = 2; taken.has(free); number++) free = `${base}-${number}`;
  taken.add(free);
  return free;
}

interface Rebuilt {
  readonly groups: readonly PolicyGroup[];
  /** Groups that are not as they were, those without members too, in their order. */
  readonly changed: readonly PolicyGroup[];
  readonly emptied: ReadonlySet<string>;
}

function rebuild(policy: Policy, nests: readonly Nest[]): Rebuilt {
  const nestOf = new Map(nests.flatMap((nest) => [...nest.places].map((place) => [place, nest])));
  const groups: PolicyGroup[] = [];
  const changed: PolicyGroup[] = [];
  const emptied = new Set<string>();
  for (const group of policy.groups) {
    const members: string[] = [];
    for (const member of group.members) {
      const nest = nestOf.get(member);
      if (nest === undefined && !emptied.has(member)) members.push(member);
      if (nest?.last !== member) continue;
      groups.push(nest.group);
      members.push(nest.group.name);
    }
    const isSame = members.length === group.members.length && members.every((m, i) => m === group.members[i]);
    const next = isSame ? group : { ...group, members, threshold: cappedThreshold(group, members.length) };
    if (!isSame) changed.push(next);
    if (members.length === 0) emptied.add(group.name);
    else groups.push(next);
  }
  return { groups, changed, emptied };
}

function cappedThreshold({ threshold, members }: PolicyGroup, left: number): PolicyGroup["threshold"] {
  return typeof threshold === "string" ? threshold : Math.min(thresholdOf(threshold, members.length), left);
}
