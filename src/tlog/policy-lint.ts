/** What a tlog-policy is worth: how few parties break it, and what in it is not as it seems.  c2sp.org/tlog-policy */
import { type Policy, type PolicyGroup, showOctets } from "./policy.ts";
import { partiesWithoutInfluence } from "./policy-influence.ts";
import { countedOnce, groupLine } from "./policy-once.ts";
import { type Party, partiesOf, type QuorumTree, quorumTree } from "./policy-parties.ts";
import { type FewestParties, fewestColluding, fewestDown } from "./policy-resilience.ts";

export interface PolicyLint {
  /** Everybody who has a witness key in the policy. */
  readonly parties: readonly Party[];
  /** How few must collude, beside the log, for two different heads of one log to pass. */
  readonly collusion: FewestParties;
  /** How few must be down for nothing to pass any more; undefined when nobody is needed. */
  readonly outage: FewestParties | undefined;
  readonly findings: readonly PolicyFinding[];
}

/** Something to look at. Texts are for people, names in them are shown as UTF-8. */
export interface PolicyFinding {
  readonly code:
    | "QUORUM_NONE"
    | "PARTY_COUNTED_TWICE"
    | "WITNESS_IN_NO_GROUP"
    | "WITNESS_WITHOUT_INFLUENCE"
    | "THRESHOLD_ONE"
    | "WITNESS_WITHOUT_URL";
  /** The policy's names for what it is about, shown. */
  readonly names: readonly string[];
  readonly message: string;
  /** What to write instead: lines of a policy, or words. */
  readonly fix: string;
}

/** Each may repeat a long group: a file of 10,000 lines must not become a gigabyte of advice. */
const MAX_FIXES = 100;
/** Most names listed in one message. */
const MAX_LISTED = 8;

/** Looks through a policy. Takes well under a second for any that `parsePolicy` accepts. */
export function lintPolicy(policy: Policy): PolicyLint {
  const tree = quorumTree(policy);
  return {
    parties: partiesOf(policy),
    collusion: fewestColluding(tree),
    outage: fewestDown(tree),
    findings: [
      ...(tree.root === undefined ? [quorumNone(policy)] : []),
      ...countedTwice(policy),
      ...(tree.root === undefined ? [] : withoutInfluence(policy, tree)),
      ...thresholdsOfOne(policy, tree),
      ...withoutUrl(policy),
    ],
  };
}

/**
 * The parties with more than one vote: whoever made the policy counted keys, and meant parties. A log that gathers
 * cosignatures for such a policy claims more than it gets.
 */
export function partiesCountedTwice(policy: Policy): readonly Party[] {
  return [...quorumTree(policy).leavesOf].flatMap(([party, leaves]) => (leaves.length > 1 ? [party] : []));
}

function quorumNone({ witnesses }: Policy): PolicyFinding {
  return {
    code: "QUORUM_NONE",
    names: [],
    message: "the quorum is none: nothing but the log's own signature says that everybody sees the same log",
    fix: witnesses.length === 0 ? "name witnesses, and a quorum of them" : "name a quorum of the witnesses",
  };
}

function countedTwice(policy: Policy): readonly PolicyFinding[] {
  return countedOnce(policy).corrections.map(({ party, votes, lines }, index) => ({
    code: "PARTY_COUNTED_TWICE",
    names: party.witnesses.map(showOctets),
    message: `${listed(party.witnesses)} are keys of one party, ${party.name}, and count as ${votes}`,
    fix: index < MAX_FIXES ? lines().map(showOctets).join("\n") : "as for the others",
  }));
}

function withoutInfluence(policy: Policy, tree: QuorumTree): readonly PolicyFinding[] {
  const members = new Set(policy.groups.flatMap((group) => group.members));
  const needed = new Set([...tree.placesOf.values()].flat());
  // Members come before their group, so this reaches what is in a group of one party's keys.
  for (const group of policy.groups.toReversed()) {
    if (needed.has(group.name)) for (const member of group.members) needed.add(member);
  }
  const names = policy.witnesses.map(({ name }) => name).filter((name) => !needed.has(name));
  const powerless = new Set((partiesWithoutInfluence(tree) ?? []).flatMap(({ witnesses }) => witnesses));
  const outvoted = [...powerless].filter((name) => needed.has(name));
  return [
    ...namesFinding(
      "WITNESS_IN_NO_GROUP",
      names.filter((name) => !members.has(name)),
      {
        message: "in no group, and not the quorum: no signature of theirs counts",
        fix: "name them in a group",
      },
    ),
    ...namesFinding(
      "WITNESS_WITHOUT_INFLUENCE",
      names.filter((name) => members.has(name)),
      {
        message: "in a group that the quorum does not need: no signature of theirs counts",
        fix: `name that group in ${showOctets(policy.quorum)}, or in a group under it`,
      },
    ),
    ...namesFinding("WITNESS_WITHOUT_INFLUENCE", outvoted, {
      message: "outvoted: with or without them the quorum is the same, because a party counts twice",
      fix: "count each party once",
    }),
  ];
}

function thresholdsOfOne(policy: Policy, tree: QuorumTree): readonly PolicyFinding[] {
  const written = new Map(policy.groups.map((group) => [group.name, group]));
  return tree.groups.flatMap(({ name, threshold, members }) => {
    const group = written.get(name);
    if (threshold !== 1 || members.length < 2 || group === undefined) return [];
    return [
      {
        code: "THRESHOLD_ONE" as const,
        names: [showOctets(name)],
        message: `group ${showOctets(name)} needs only one of ${listed(members)}: two people may be shown two heads, each cosigned by another one`,
        fix: majorityOf(group, members.length),
      },
    ];
  });
}

function majorityOf(group: PolicyGroup, partyCount: number): string {
  const threshold = Math.floor(partyCount / 2) + 1;
  if (group.members.length === partyCount) return showOctets(groupLine({ ...group, threshold }));
  return `put the keys of each party into a group of their own, and ask for ${threshold} of the parties`;
}

function withoutUrl({ witnesses }: Policy): readonly PolicyFinding[] {
  const names = witnesses.filter(({ url }) => url === undefined).map(({ name }) => name);
  return namesFinding("WITNESS_WITHOUT_URL", names, {
    message: "without a URL: fine for who verifies, but a log cannot ask them",
    fix: "witness <name> <vkey> <url>",
  });
}

function namesFinding(
  code: PolicyFinding["code"],
  names: readonly string[],
  { message, fix }: { readonly message: string; readonly fix: string },
): readonly PolicyFinding[] {
  if (names.length === 0) return [];
  return [{ code, names: names.map(showOctets), message: `${listed(names)}: ${message}`, fix }];
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map(showOctets).join(", ");
  return names.length > MAX_LISTED ? `${shown} and ${names.length - MAX_LISTED} more` : shown;
}
