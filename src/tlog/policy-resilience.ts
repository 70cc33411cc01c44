/**
 * How few parties break a quorum: by cosigning two heads of one size, or by being down.
 *
 * A name is a member of one group at most, so what a group can do follows from what its members can, as long as every party is one
 * leaf. What a party with several leaves does is tried out: an honest one signs one side only, with all of its keys.
 */
import { InvariantError } from "../errors.ts";
import type { Party, QuorumTree, TreeGroup } from "./policy-parties.ts";

/** The fewest parties that do something together. */
export interface FewestParties {
  readonly count: number;
  /** So many that suffice. */
  readonly parties: readonly Party[];
  /** False: there are too many parties with several votes to try everything; these suffice, fewer may. */
  readonly isExact: boolean;
}

/** Most members looked at: some tenths of a second. */
const MAX_STEPS = 1_000_000;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * The fewest witnesses that, with the log, make two different heads pass: each is cosigned by a quorum. Honest parties sign one
 * head each, whichever they see. 0: nobody needs to, two quorums of honest ones do not meet.
 */
export function fewestColluding(tree: QuorumTree): FewestParties {
  return fewest<"both" | "a" | "b", Sides>(tree, {
    acts: ["both", "a", "b"],
    leaf: {
      both: { canA: true, canB: true, both: 0 },
      a: { canA: true, canB: false, both: NEVER },
      b: { canA: false, canB: true, both: NEVER },
    },
    freeLeaf: { canA: true, canB: true, both: 1 },
    group: splitGroup,
    costOf: ({ both }) => both,
  });
}

/** The fewest parties whose absence leaves no quorum; undefined when the quorum is "none". */
export function fewestDown(tree: QuorumTree): FewestParties | undefined {
  if (tree.root === undefined) return undefined;
  return fewest<"down" | "up", number>(tree, {
    acts: ["down", "up"],
    leaf: { down: 0, up: NEVER },
    freeLeaf: 1,
    group: outageGroup,
    costOf: (cost) => cost,
  });
}

/** What a leaf or group can be made to cosign, and the fewest parties it takes for both sides. */
interface Sides {
  readonly canA: boolean;
  readonly canB: boolean;
  readonly both: number;
}

/**
 * One side alone costs nobody: all that are free sign it. For both, `x` and `y` more members are needed on either side than
 * those bound to it; of the members free to take a side, as many as are missing must take both, the cheapest first.
 */
function splitGroup({ threshold }: TreeGroup, members: readonly Named<Sides>[]): Chosen<Sides> {
  const free = members.filter(({ value }) => value.canA && value.canB);
  const x = Math.max(0, threshold - members.filter(({ value }) => value.canA && !value.canB).length);
  const y = Math.max(0, threshold - members.filter(({ value }) => !value.canA && value.canB).length);
  const canA = x <= free.length;
  const canB = y <= free.length;
  if (!canA || !canB) return { value: { canA, canB, both: NEVER }, chosen: [] };
  const byCost = free.toSorted((left, right) => left.value.both - right.value.both);
  const chosen = byCost.slice(0, Math.max(0, x + y - free.length));
  const both = chosen.reduce((sum, { value }) => sum + value.both, 0);
  return { value: { canA, canB, both }, chosen: chosen.map(({ name }) => name) };
}

/** So many members down that too few are left, the cheapest first. */
function outageGroup({ threshold }: TreeGroup, members: readonly Named<number>[]): Chosen<number> {
  const byCost = members.toSorted((left, right) => left.value - right.value);
  const chosen = byCost.slice(0, members.length - threshold + 1);
  return {
    value: chosen.reduce((sum, { value }) => sum + value, 0),
    chosen: chosen.map(({ name }) => name),
  };
}

interface Named<Value> {
  readonly name: string;
  readonly value: Value;
}

interface Chosen<Value> {
  readonly value: Value;
  /** The members that have to do it, for the group to do it. */
  readonly chosen: readonly string[];
}

/** What is asked, about a tree whose leaves have values. */
interface Question<Act extends string, Value> {
  /** What a party with several leaves may do. With the first, which makes it one of those counted, there is always an answer. */
  readonly acts: readonly [Act, ...Act[]];
  /** The value of the leaves of such a party. */
  readonly leaf: Readonly<Record<Act, Value>>;
  /** The value of a party's only leaf. */
  readonly freeLeaf: Value;
  group(group: TreeGroup, members: readonly Named<Value>[]): Chosen<Value>;
  costOf(value: Value): number;
}

interface Answer<Act> {
  readonly acts: ReadonlyMap<Party, Act>;
  /** Those whose act is the one counted, and the free leaves taken. */
  readonly count: number;
  leaves(): readonly string[];
}

function fewest<Act extends string, Value>(tree: QuorumTree, question: Question<Act, Value>): FewestParties {
  const several = [...tree.leavesOf].flatMap(([party, leaves]) => (leaves.length > 1 ? [party] : []));
  const memberCount = tree.groups.reduce((sum, { members }) => sum + members.length, 1);
  const maxTries = Math.max(1, Math.floor(MAX_STEPS / memberCount));
  const isExact = question.acts.length ** several.length <= maxTries;
  const answer = (acts: ReadonlyMap<Party, Act>): Answer<Act> => answerOf(tree, question, acts);
  const { acts, count, leaves } = isExact
    ? bestOf(everyChoice(several, question.acts), answer)
    : descend(several, { acts: question.acts, answer, maxTries });
  const counted = several.filter((party) => acts.get(party) === question.acts[0]);
  const taken = leaves().flatMap((leaf) => tree.partyOf.get(leaf) ?? []);
  return { count, parties: [...new Set([...counted, ...taken])], isExact };
}

function bestOf<Act>(
  choices: Iterable<ReadonlyMap<Party, Act>>,
  answer: (acts: ReadonlyMap<Party, Act>) => Answer<Act>,
): Answer<Act> {
  let best: Answer<Act> | undefined;
  for (const acts of choices) {
    const next = answer(acts);
    if (best === undefined || next.count < best.count) best = next;
    if (best.count === 0) break;
  }
  if (best === undefined) throw new InvariantError("nothing to try");
  return best;
}

/** Every way to give each party one of the acts. */
function* everyChoice<Act>(
  parties: readonly Party[],
  acts: readonly Act[],
): Generator<ReadonlyMap<Party, Act>> {
  const total = acts.length ** parties.length;
  for (let number = 0; number < total; number++) {
    let rest = number;
    const chosen = new Map<Party, Act>();
    for (const party of parties) {
      const act = acts[rest % acts.length];
      if (act !== undefined) chosen.set(party, act);
      rest = Math.floor(rest / acts.length);
    }
    yield chosen;
  }
}

/** From all of them doing what is counted, changes one at a time while that helps. */
function descend<Act>(
  parties: readonly Party[],
  {
    acts,
    answer,
    maxTries,
  }: {
    readonly acts: readonly [Act, ...Act[]];
    readonly answer: (acts: ReadonlyMap<Party, Act>) => Answer<Act>;
    readonly maxTries: number;
  },
): Answer<Act> {
  let best = answer(new Map(parties.map((party) => [party, acts[0]])));
  let tries = 0;
  for (let before = NEVER; best.count < before; ) {
    before = best.count;
    for (const party of parties) {
      for (const act of acts) {
        if (tries++ >= maxTries) return best;
        const next = answer(new Map([...best.acts, [party, act]]));
        if (next.count < best.count) best = next;
      }
    }
  }
  return best;
}

/** Works the values up to the root, and, when asked, the choices down to the leaves. */
function answerOf<Act extends string, Value>(
  { root, groups, partyOf }: QuorumTree,
  { acts: [counted], leaf, freeLeaf, group: ruleOf, costOf }: Question<Act, Value>,
  acts: ReadonlyMap<Party, Act>,
): Answer<Act> {
  const values = new Map<string, Value>();
  const choices = new Map<string, readonly string[]>();
  for (const [name, party] of partyOf) {
    const act = acts.get(party);
    values.set(name, act === undefined ? freeLeaf : leaf[act]);
  }
  for (const group of groups) {
    const members = group.members.flatMap((name) => {
      const value = values.get(name);
      return value === undefined ? [] : [{ name, value }];
    });
    const { value, chosen } = ruleOf(group, members);
    values.set(group.name, value);
    choices.set(group.name, chosen);
  }
  const top = root === undefined ? undefined : values.get(root);
  const settled = [...acts.values()].filter((act) => act === counted).length;
  return {
    acts,
    count: settled + (top === undefined ? 0 : costOf(top)),
    leaves() {
      const wanted = new Set(root === undefined ? [] : [root]);
      for (const { name } of groups.toReversed()) {
        if (wanted.delete(name)) for (const member of choices.get(name) ?? []) wanted.add(member);
      }
      return [...wanted];
    },
  };
}
