import type { Party, QuorumTree } from "./policy-parties.ts";

/** Most members looked at: some tenths of a second. */
const MAX_STEPS = 1_000_000;

/**
 * The parties with one vote that never decide anything: with or without them the quorum is the same, because of parties that
 * have several votes. In a tree where each party has one vote there are none.
 * @returns undefined when there are too many parties with several votes to tell.
 */
export function partiesWithoutInfluence(tree: QuorumTree): readonly Party[] | undefined {
  const several = [...tree.leavesOf].flatMap(([party, leaves]) => (leaves.length > 1 ? [party] : []));
  if (several.length === 0) return [];
  const memberCount = tree.groups.reduce((sum, { members }) => sum + members.length, 1);
  const choices = 2 ** several.length;
  if (choices * memberCount > MAX_STEPS) return undefined;
  const left = new Map([...tree.partyOf].filter(([, party]) => !several.includes(party)));
  for (let choice = 0; choice < choices && left.size > 0; choice++) {
    const signing = new Set(several.filter((_, index) => Math.floor(choice / 2 ** index) % 2 === 1));
    for (const leaf of decidingLeaves(tree, several, signing)) left.delete(leaf);
  }
  return [...left.values()];
}

/** The leaves on which the quorum hangs for some choice of the others, when `several` do as `signing` says. */
function decidingLeaves(
  { root, groups, partyOf }: QuorumTree,
  several: readonly Party[],
  signing: ReadonlySet<Party>,
): ReadonlySet<string> {
  const states = new Map<string, "yes" | "no" | "open">();
  for (const [leaf, party] of partyOf) {
    if (!several.includes(party)) states.set(leaf, "open");
    else states.set(leaf, signing.has(party) ? "yes" : "no");
  }
  const counts = new Map<string, { readonly yes: number; readonly open: number }>();
  for (const { name, threshold, members } of groups) {
    const yes = members.filter((member) => states.get(member) === "yes").length;
    const open = members.filter((member) => states.get(member) === "open").length;
    counts.set(name, { yes, open });
    states.set(name, yes >= threshold ? "yes" : yes + open < threshold ? "no" : "open");
  }
  const deciding = new Set(root === undefined ? [] : [root]);
  for (const { name, threshold, members } of groups.toReversed()) {
    const { yes, open } = counts.get(name) ?? { yes: 0, open: 0 };
    if (!deciding.delete(name)) continue;
    for (const member of members) {
      // Exactly one is missing, and the open ones beside this one can bring it about.
      if (states.get(member) !== "open") continue;
      if (yes <= threshold - 1 && threshold - 1 <= yes + open - 1) deciding.add(member);
    }
  }
  return deciding;
}
