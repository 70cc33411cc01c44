import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyIdOf, type VerifierKey } from "../../src/tlog/key.ts";
import {
  formatPolicy,
  isQuorumMet,
  type Policy,
  type PolicyGroup,
  parsePolicy,
} from "../../src/tlog/policy.ts";
import { lintPolicy, partiesCountedTwice } from "../../src/tlog/policy-lint.ts";
import { countedOnce } from "../../src/tlog/policy-once.ts";
import { IS_FULL, runs } from "../runs.ts";

function keyOf(name: string, number: number): VerifierKey {
  const key = { name, type: 4 as const, publicKey: new Uint8Array(32).fill(number) };
  return { ...key, keyId: keyIdOf(key) };
}

/** Witnesses as "name" or "name=party", groups as "g 2 a b c". */
function policyOf(witnesses: string, groups: readonly string[], quorum: string): Policy {
  return {
    logs: [],
    witnesses: witnesses.split(" ").map((word, index) => {
      const [name = "", party = name] = word.split("=");
      return { name, key: keyOf(party, index), url: "https://w.example/" };
    }),
    groups: groups.map((line) => {
      const [name = "", rule = "", ...members] = line.split(" ");
      return { name, threshold: rule === "any" || rule === "all" ? rule : Number(rule), members };
    }),
    quorum,
  };
}

function numbersOf(policy: Policy) {
  const { collusion, outage } = lintPolicy(policy);
  return { collude: collusion.count, down: outage?.count, isExact: collusion.isExact };
}

function findingsOf(policy: Policy) {
  return lintPolicy(policy).findings.map(({ code, names }) => `${code} ${names.join(" ")}`.trim());
}

describe("lintPolicy: how few break the quorum", () => {
  it.each([
    ["2 of 3", "a b c", ["g 2 a b c"], "g", 1, 2],
    ["one witness", "a", [], "a", 1, 1],
    ["any of 2: two honest witnesses need not meet", "a b", ["g any a b"], "g", 0, 2],
    ["all of 3", "a b c", ["g all a b c"], "g", 3, 1],
    ["3 of 4", "a b c d", ["g 3 a b c d"], "g", 2, 2],
    ["5 of 7", "a b c d e f g", ["q 5 a b c d e f g"], "q", 3, 3],
    ["the document's example", "a b c d e f", ["x 2 a b c", "y any d e f", "q all x y"], "q", 1, 2],
    ["a party that has 2 of 3 keys", "a1=a a2=a b", ["g 2 a1 a2 b"], "g", 1, 1],
    ["a party with a group of its own", "a1=a a2=a b c", ["a any a1 a2", "g 2 a b c"], "g", 1, 2],
    ["both kinds of signature from everybody", "a1=a a2=a b1=b b2=b", ["g all a1 a2 b1 b2"], "g", 2, 1],
    ["a party in both halves", "a1=a b a2=a c", ["x any a1 b", "y any a2 c", "q all x y"], "q", 0, 2],
  ])("%s", (_name, witnesses, groups, quorum, collude, down) => {
    expect(numbersOf(policyOf(witnesses, groups, quorum))).toEqual({ collude, down, isExact: true });
  });

  it("nobody has to collude where no witness is needed, and nobody can stop it", () => {
    const { collusion, outage } = lintPolicy(policyOf("a", [], "none"));
    expect({ collusion, outage }).toEqual({
      collusion: { count: 0, parties: [], isExact: true },
      outage: undefined,
    });
  });

  it("names who would do", () => {
    const { collusion, outage } = lintPolicy(policyOf("a1=a a2=a b", ["g 2 a1 a2 b"], "g"));
    expect(collusion.parties).toEqual([{ name: "a", witnesses: ["a1", "a2"] }]);
    expect(outage?.parties).toEqual([{ name: "a", witnesses: ["a1", "a2"] }]);
  });

  it("is what trying everything finds, for any small policy", () => {
    fc.assert(
      fc.property(anyPolicy(), (policy) => {
        const { collusion, outage } = lintPolicy(policy);
        const naive = naiveNumbers(policy);
        expect({ collude: collusion.count, down: outage?.count }).toEqual(naive);
        const colluding = collusion.parties.map(({ name }) => name);
        expect(colluding).toHaveLength(naive.collude);
        expect(canSplit(policy, new Set(colluding))).toBe(true);
        const down = new Set(outage?.parties.map(({ name }) => name));
        expect(down.size).toBe(naive.down ?? 0);
        expect(
          isQuorumMet(
            policy,
            namesOf(policy, (party) => !down.has(party)),
          ),
        ).toBe(outage === undefined);
      }),
      { numRuns: runs(600) },
    );
  });

  it("says that it is a bound when too many parties have several votes, and the bound holds", () => {
    const names = Array.from({ length: 40 }, (_, index) => `w${index}`);
    const witnesses = names.map((name, index) => `${name}=p${index % 20}`).join(" ");
    const groups = Array.from({ length: 10 }, (_, i) => `g${i} 3 ${names.slice(4 * i, 4 * i + 4).join(" ")}`);
    const all = groups.map((_, i) => `g${i}`).join(" ");
    const policy = policyOf(witnesses, [...groups, `q 6 ${all}`], "q");
    const { collusion, outage } = lintPolicy(policy);
    expect([collusion.isExact, outage?.isExact]).toEqual([false, false]);
    expect(canSplit(policy, new Set(collusion.parties.map(({ name }) => name)))).toBe(true);
    expect(collusion.parties).toHaveLength(collusion.count);
  });

  it.runIf(IS_FULL)("takes the largest policies, however deep they nest", () => {
    const count = IS_FULL ? 4000 : 1000;
    const names = Array.from({ length: count }, (_, index) => `w${index}`);
    const chain = names.map(
      (name, index) => `g${index} 2 ${index === 0 ? "x" : `g${index - 1}`} ${name} y${index}`,
    );
    const more = names.map((_, index) => `y${index}`).join(" ");
    const policy = policyOf(`x ${names.join(" ")} ${more}`, chain, `g${count - 1}`);
    expect(numbersOf(policy)).toEqual({ collude: 1, down: 2, isExact: true });
    const twice = policyOf(
      names.map((name, index) => `${name}=p${index % (count / 2)}`).join(" "),
      [`g ${count * 0.625} ${names.join(" ")}`],
      "g",
    );
    expect(numbersOf(twice)).toMatchObject({ isExact: false });
  });
});

describe("lintPolicy: findings", () => {
  it("has none for a policy that is as it seems", () => {
    expect(findingsOf(policyOf("a b c", ["g 2 a b c"], "g"))).toEqual([]);
  });

  it.each([
    ["no quorum", "a b", [], "none", ["QUORUM_NONE"]],
    ["a threshold of one", "a b", ["g any a b"], "g", ["THRESHOLD_ONE g"]],
    ["a group of one is no choice", "a", ["g any a"], "g", []],
    ["a witness in no group", "a b c", ["g all a b"], "g", ["WITNESS_IN_NO_GROUP c"]],
    ["a group nobody needs", "a b c", ["g all a b", "h any c"], "g", ["WITNESS_WITHOUT_INFLUENCE c"]],
    [
      "a party that outvotes another",
      "a1=a a2=a b",
      ["g 2 a1 a2 b"],
      "g",
      ["PARTY_COUNTED_TWICE a1 a2", "WITNESS_WITHOUT_INFLUENCE b"],
    ],
    ["two kinds of key in a group of their own", "a1=a a2=a b", ["a any a1 a2", "g all a b"], "g", []],
    [
      "two kinds of key, one of which is enough anyway",
      "a1=a a2=a b",
      ["g any a1 a2 b"],
      "g",
      ["THRESHOLD_ONE g"],
    ],
    ["two kinds of key, both demanded", "a1=a a2=a b", ["g all a1 a2 b"], "g", []],
  ])("%s", (_name, witnesses, groups, quorum, findings) => {
    expect(findingsOf(policyOf(witnesses, groups, quorum))).toEqual(findings);
  });

  it("names witnesses without a URL", () => {
    const policy = policyOf("a b", ["g all a b"], "g");
    const [first, second] = policy.witnesses;
    const bare = { ...policy, witnesses: [{ name: "a", key: first!.key }, second!] };
    expect(findingsOf(bare)).toEqual(["WITNESS_WITHOUT_URL a"]);
  });

  it("shows names of a policy, which are octets, as UTF-8", () => {
    const octets = Buffer.from("grüppe").toString("latin1");
    const policy = policyOf("a b", [`${octets} any a b`], octets);
    expect(lintPolicy(policy).findings[0]).toMatchObject({ names: ["grüppe"], fix: "group grüppe 2 a b" });
  });
});

describe("lintPolicy: the fix for a party counted twice", () => {
  const fixesOf = (policy: Policy) =>
    lintPolicy(policy).findings.flatMap(({ code, fix }) => (code === "PARTY_COUNTED_TWICE" ? [fix] : []));

  it("is a group for its keys, and the group that then names it once", () => {
    const policy = policyOf("a1=a.example a2=a.example b c", ["g 2 a1 a2 b c"], "g");
    expect(fixesOf(policy)).toEqual(["group a.example any a1 a2\ngroup g 2 a.example b c"]);
  });

  it("shows the same corrected group for each of several parties, whose thresholds count parties", () => {
    const policy = policyOf("a1=a a2=a b1=b b2=b", ["g 3 a1 a2 b1 b2"], "g");
    expect(fixesOf(policy)).toEqual(["group a any a1 a2\ngroup g 2 a b", "group b any b1 b2\ngroup g 2 a b"]);
  });

  it("moves keys of several groups together, drops a group that nothing is left in, and takes a free name", () => {
    const groups = ["a any b", "x any a1", "y 2 a2 a c", "q 2 x y d"];
    const policy = policyOf("a1=a a2=a b c d", groups, "q");
    const moved = "group a-2 any a2 x\ngroup y 2 a c\ngroup q 2 a-2 y d";
    expect(fixesOf(policy)).toEqual([moved]);
  });

  it("is a policy that counts nobody twice, whatever it was", () => {
    fc.assert(
      fc.property(anyPolicy(), (policy) => {
        const corrected = parsePolicy(formatPolicy(countedOnce(policy).policy));
        expect(partiesCountedTwice(corrected)).toEqual([]);
        expect(lintPolicy(corrected).collusion.isExact).toBe(true);
      }),
      { numRuns: runs(300) },
    );
  });

  it("finds the parties without a vote exactly", () => {
    fc.assert(
      fc.property(anyPolicy(), (policy) => {
        const findings = lintPolicy(policy).findings.filter(
          ({ code }) => code === "WITNESS_WITHOUT_INFLUENCE" || code === "WITNESS_IN_NO_GROUP",
        );
        const powerless = new Set(findings.flatMap(({ names }) => names));
        const twice = new Set(partiesCountedTwice(policy).map(({ name }) => name));
        const single = partyNames(policy).filter((party) => !twice.has(party));
        for (const party of policy.quorum === "none" ? [] : single) {
          const keys = policy.witnesses.filter(({ key }) => key.name === party).map(({ name }) => name);
          expect(keys.every((name) => powerless.has(name))).toBe(!hasInfluence(policy, party));
        }
      }),
      { numRuns: runs(300) },
    );
  });
});

/** Up to 7 keys of up to 5 parties, in a random tree that may leave some out. */
function anyPolicy(): fc.Arbitrary<Policy> {
  return fc
    .record({
      parties: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 7 }),
      cuts: fc.array(fc.record({ take: fc.integer({ min: 1, max: 7 }), rule: fc.nat() }), { maxLength: 5 }),
      last: fc.nat(),
    })
    .map(({ parties, cuts, last }) => {
      const witnesses = parties.map((party, index) => ({
        name: `w${index}`,
        key: keyOf(`p${party}`, index),
      }));
      const groups: PolicyGroup[] = [];
      let open = witnesses.map(({ name }) => name);
      for (const [index, { take, rule }] of cuts.entries()) {
        // From either end, so that groups hold witnesses and groups.
        const members = rule % 2 === 0 ? open.slice(0, take) : open.slice(-take);
        if (members.length === 0) break;
        open = [...open.filter((name) => !members.includes(name)), `g${index}`];
        const threshold = ([1, 2, 3, 4, 5, "all", "any"] as const)[Math.floor(rule / 2) % 7] ?? "all";
        const fits = typeof threshold === "string" || threshold <= members.length;
        groups.push({ name: `g${index}`, threshold: fits ? threshold : members.length, members });
      }
      const names = [...open, groups.at(-1)?.name ?? "w0", "none"];
      const quorum = last % 9 === 0 ? "none" : (names[last % (names.length - 1)] ?? "none");
      return { logs: [], witnesses, groups, quorum };
    });
}

function partyNames({ witnesses }: Policy): readonly string[] {
  return [...new Set(witnesses.map(({ key }) => key.name))];
}

function namesOf({ witnesses }: Policy, isIn: (party: string) => boolean): readonly string[] {
  return witnesses.filter(({ key }) => isIn(key.name)).map(({ name }) => name);
}

function subsetsOf(names: readonly string[]): readonly ReadonlySet<string>[] {
  return Array.from(
    { length: 2 ** names.length },
    (_, bits) => new Set(names.filter((_, index) => (bits >> index) & 1)),
  );
}

/** Whether the quorum is met by these parties. Each set of them is asked about once: trying everything asks thousands of times. */
function quorumOf(policy: Policy): (isIn: (party: string) => boolean) => boolean {
  const parties = partyNames(policy);
  const known = new Map<string, boolean>();
  return (isIn) => {
    const set = parties.map((party) => (isIn(party) ? "1" : "0")).join("");
    const isMet = known.get(set) ?? isQuorumMet(policy, namesOf(policy, isIn));
    known.set(set, isMet);
    return isMet;
  };
}

/** Whether some way to show the honest parties one head each lets both heads pass. */
function canSplit(policy: Policy, colluding: ReadonlySet<string>, isMetBy = quorumOf(policy)): boolean {
  const honest = partyNames(policy).filter((party) => !colluding.has(party));
  return subsetsOf(honest).some(
    (left) =>
      isMetBy((party) => colluding.has(party) || left.has(party)) &&
      isMetBy((party) => colluding.has(party) || !left.has(party)),
  );
}

function naiveNumbers(policy: Policy) {
  const isMetBy = quorumOf(policy);
  const subsets = subsetsOf(partyNames(policy));
  const sizes = (isIn: (subset: ReadonlySet<string>) => boolean) =>
    subsets.filter(isIn).map(({ size }) => size);
  const stopping = sizes((down) => !isMetBy((party) => !down.has(party)));
  return {
    collude: Math.min(...sizes((colluding) => canSplit(policy, colluding, isMetBy))),
    down: stopping.length === 0 ? undefined : Math.min(...stopping),
  };
}

function hasInfluence(policy: Policy, party: string): boolean {
  return subsetsOf(partyNames(policy).filter((name) => name !== party)).some(
    (others) =>
      isQuorumMet(
        policy,
        namesOf(policy, (name) => others.has(name) || name === party),
      ) !==
      isQuorumMet(
        policy,
        namesOf(policy, (name) => others.has(name)),
      ),
  );
}
