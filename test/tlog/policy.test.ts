import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { concatBytes } from "../../src/tlog/encoding.ts";
import {
  formatPolicy,
  isQuorumMet,
  MAX_POLICY_BYTES,
  parsePolicy,
  showOctets,
  singleKeyPolicy,
} from "../../src/tlog/policy.ts";
import { expectCode } from "../expect-code.ts";
import { runs } from "../runs.ts";
import { testSigner, text, utf8, vkeyOf } from "./signers.ts";

const log = await testSigner("example.com/log");
const log2 = await testSigner("example.com/log2", 6, 2);
const [x1, x2, x3, y1, y2, y3] = await Promise.all(
  ["x1", "x2", "x3", "y1", "y2", "y3"].map(async (name, index) =>
    vkeyOf(await testSigner(name, 4, 10 + index)),
  ),
);
const quantum = vkeyOf(await testSigner("q", 6, 20));
const LOG = vkeyOf(log);

// c2sp.org/tlog-policy, example policy
const EXAMPLE = `log ${LOG}

witness X1 ${x1}
witness X2 ${x2}
witness X3 ${x3}
group X-witnesses 2 X1 X2 X3

witness Y1 ${y1}
witness Y2 ${y2}
witness Y3 ${y3}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

function refuse(policy: string | Uint8Array, line?: number): TlogError {
  const error = expectCode(() => parsePolicy(policy), "POLICY_MALFORMED");
  if (line !== undefined) expect(error.message).toMatch(new RegExp(`^line ${line}: `));
  return error;
}

describe("parsePolicy", () => {
  it("POL-1 reads logs, witnesses, groups and the quorum", () => {
    const policy = parsePolicy(EXAMPLE);
    expect(policy.logs).toEqual([{ key: log.verifierKey }]);
    expect(policy.witnesses.map(({ name, key }) => `${name} ${key.name}`)).toEqual([
      "X1 x1",
      "X2 x2",
      "X3 x3",
      "Y1 y1",
      "Y2 y2",
      "Y3 y3",
    ]);
    expect(policy.groups).toEqual([
      { name: "X-witnesses", threshold: 2, members: ["X1", "X2", "X3"] },
      { name: "Y-witnesses", threshold: "any", members: ["Y1", "Y2", "Y3"] },
      { name: "X-and-Y", threshold: "all", members: ["X-witnesses", "Y-witnesses"] },
    ]);
    expect(policy.quorum).toBe("X-and-Y");
  });

  it("POL-1 keeps URLs", () => {
    const policy = parsePolicy(
      `log ${LOG} https://log.example/\nwitness w ${x1} https://w.example/a#b\nquorum w\n`,
    );
    expect(policy.logs[0]?.url).toBe("https://log.example/");
    expect(policy.witnesses[0]?.url).toBe("https://w.example/a#b");
  });

  it("POL-1 items are set apart by runs of spaces and tabs; comments and empty lines are skipped", () => {
    const policy = ` \t\n# log\n\t # quorum x\n\t log \t ${LOG} \t\n\nquorum\t \tnone  \n#\n`;
    expect(parsePolicy(policy)).toEqual(singleKeyPolicy(LOG));
  });

  it("POL-1 a comment starts a line, and never ends one", () => {
    refuse(`log ${LOG} https://log.example/ #comment\nquorum none\n`, 1);
    refuse("quorum none # comment\n", 1);
    // There is room for a URL here, and "#comment" is one.
    expect(parsePolicy(`log ${LOG} #comment\nquorum none\n`).logs[0]?.url).toBe("#comment");
    expect(parsePolicy(`witness #w ${x1}\nquorum #w\n`).quorum).toBe("#w");
  });

  it.each([
    ["an unknown keyword", "logs a\nquorum none\n", 1],
    ["a keyword in capitals", "quorum none\nLog a\n", 2],
    ["a log without a key", "log\nquorum none\n", 1],
    ["a log with too much", `log ${LOG} a b\nquorum none\n`, 1],
    ["a witness without a key", "\nwitness w\nquorum none\n", 2],
    ["a witness with too much", `witness w ${x1} a b\nquorum none\n`, 1],
    ["a group without members", `witness w ${x1}\ngroup g all\nquorum w\n`, 2],
    ["a group without a threshold", "group g\nquorum none\n", 1],
    ["a quorum without a name", "quorum\n", 1],
    ["a quorum of two names", "quorum none none\n", 1],
    ["a key that is none", "log a+b+c\nquorum none\n", 1],
  ])("POL-1 refuses %s, and names the line", (_, policy, line) => {
    refuse(policy, line);
  });

  it("POL-1 every line ends with a newline, so that a file cut short is not read as a weaker policy", () => {
    const policy = `witness group1 ${x1}\nwitness group12 ${x2}\nquorum group12\n`;
    expect(parsePolicy(policy).quorum).toBe("group12");
    refuse(policy.slice(0, -2), 3);
    refuse(policy.slice(0, -1), 3);
  });

  it.each([0x00, 0x08, 0x0b, 0x0c, 0x0d, 0x1f, 0x7f])(
    "POL-2 refuses the octet %i, in a comment too",
    (octet) => {
      refuse(concatBytes(utf8("quorum none\n# a"), Uint8Array.of(octet), utf8("b\n")), 2);
      refuse(concatBytes(utf8("quorum none"), Uint8Array.of(octet), utf8("\n")), 1);
    },
  );

  it("POL-2 names are octets: no folding, and not even UTF-8", () => {
    const kelvin = `witness K ${x1}\nwitness \u212a ${x2}\nquorum \u212a\n`;
    expect(parsePolicy(kelvin).quorum).toBe("\u00e2\u0084\u00aa");
    expect(parsePolicy(utf8(kelvin))).toEqual(parsePolicy(kelvin));
    expect(formatPolicy(parsePolicy(kelvin))).toEqual(utf8(kelvin));
    // U+00E9 composed and decomposed are two names; 0xFF alone is a name too.
    expect(parsePolicy(`witness \u00e9 ${x1}\nwitness e\u0301 ${x2}\nquorum none\n`).witnesses.length).toBe(
      2,
    );
    const raw = concatBytes(
      utf8("witness "),
      Uint8Array.of(0xff),
      utf8(` ${x1}\nquorum `),
      Uint8Array.of(0xff, 0x0a),
    );
    expect(parsePolicy(raw).quorum).toBe("\u00ff");
    expect(formatPolicy(parsePolicy(raw))).toEqual(raw);
    expect(showOctets(parsePolicy(kelvin).quorum)).toBe("\u212a");
    expect(showOctets(parsePolicy(raw).quorum)).toBe("\ufffd");
  });

  it("POL-2 no octet above 0x7F separates: U+0085 and U+00A0 belong to names", () => {
    const raw = concatBytes(utf8("witness a"), Uint8Array.of(0x85, 0xa0), utf8(`b ${x1}\nquorum none\n`));
    expect(parsePolicy(raw).witnesses[0]?.name).toBe("a\u0085\u00a0b");
  });

  it("POL-2 a key name outside ASCII is read as UTF-8", async () => {
    const witness = await testSigner("zeugnis.example/ä", 4, 30);
    const policy = parsePolicy(`witness w ${vkeyOf(witness)}\nquorum w\n`);
    expect(policy.witnesses[0]?.key).toEqual(witness.verifierKey);
    const broken = concatBytes(utf8("witness w "), Uint8Array.of(0xff), utf8("+00000000+AAAA\nquorum w\n"));
    refuse(broken, 1);
  });

  it("POL-3 wants exactly one quorum line", () => {
    refuse("");
    refuse(`log ${LOG}\n`);
    refuse("quorum none\nquorum none\n", 2);
    refuse(`witness w ${x1}\nquorum w\nquorum none\n`, 3);
  });

  it("POL-3 names are defined on earlier lines", () => {
    refuse(`quorum w\nwitness w ${x1}\n`, 1);
    refuse(`witness a ${x1}\ngroup g all a b\nwitness b ${x2}\nquorum g\n`, 2);
    refuse("group g any g\nquorum g\n", 1);
    expect(parsePolicy(`quorum none\nlog ${LOG}\n`).logs.length).toBe(1);
  });

  it("POL-3 none is reserved, and is no member", () => {
    refuse(`witness none ${x1}\nquorum none\n`, 1);
    refuse(`witness a ${x1}\ngroup none any a\nquorum none\n`, 2);
    refuse(`witness a ${x1}\ngroup g any a none\nquorum none\n`, 2);
    for (const name of ["all", "any", "log", "1", "None"]) {
      expect(parsePolicy(`witness ${name} ${x1}\nquorum ${name}\n`).quorum).toBe(name);
    }
  });

  it("POL-3 witnesses and groups share one namespace", () => {
    refuse(`witness a ${x1}\nwitness a ${x2}\nquorum a\n`, 2);
    refuse(`witness a ${x1}\ngroup a any a\nquorum a\n`, 2);
    refuse(`witness a ${x1}\nwitness b ${x2}\ngroup g any a\ngroup g any b\nquorum g\n`, 4);
  });

  it("POL-4 refuses duplicate log keys", async () => {
    refuse(`log ${LOG}\nlog ${LOG}\nquorum none\n`, 2);
    // The same public key under another name, hence another ID.
    const renamed = vkeyOf(await testSigner("example.com/renamed", 1, 1));
    refuse(`log ${LOG}\nlog ${renamed}\nquorum none\n`, 2);
  });

  it("POL-4 refuses duplicate witness keys", async () => {
    const renamed = vkeyOf(await testSigner("renamed", 4, 10));
    refuse(`witness a ${x1}\nwitness b ${x1}\nquorum a\n`, 2);
    refuse(`witness a ${x1}\nwitness b ${renamed}\nquorum a\n`, 2);
  });

  it("POL-4 one key may be a log's and a witness's: the document does not forbid it", async () => {
    const witness = vkeyOf(await testSigner("example.com/log", 4, 1));
    expect(parsePolicy(`log ${LOG}\nwitness w ${witness}\nquorum w\n`).witnesses.length).toBe(1);
  });

  it("POL-4 a name is a member of at most one group, once", () => {
    refuse(`witness a ${x1}\ngroup g any a a\nquorum g\n`, 2);
    refuse(`witness a ${x1}\ngroup g any a\ngroup h any a\nquorum g\n`, 3);
    refuse(`witness a ${x1}\ngroup g any a\ngroup h any g\ngroup i any g\nquorum h\n`, 4);
  });

  it.each(["0", "3", "-1", "+1", "01", "1.5", "one", "ALL", "9007199254740993"])(
    "POL-4 refuses the threshold %s of 2",
    (k) => {
      refuse(`witness a ${x1}\nwitness b ${x2}\ngroup g ${k} a b\nquorum g\n`, 3);
    },
  );

  it("POL-5 log keys are of type 0x01 or 0x06, witness keys of type 0x04 or 0x06", () => {
    expect(parsePolicy(`log ${LOG}\nlog ${vkeyOf(log2)}\nwitness q ${quantum}\nquorum q\n`).logs.length).toBe(
      2,
    );
    refuse(`log ${x1}\nquorum none\n`, 1);
    refuse(`witness w ${LOG}\nquorum w\n`, 1);
    expectCode(() => singleKeyPolicy(x1 ?? ""), "KEY_TYPE_UNSUPPORTED");
  });

  it("POL-6 takes 32 logs, 32 witnesses and 32 groups, and far more", async () => {
    const count = 64;
    const numbers = Array.from({ length: count }, (_, index) => index);
    const vkeys = await Promise.all(numbers.map(async (n) => vkeyOf(await testSigner(`n${n}`, 4, 50 + n))));
    const logs = await Promise.all(numbers.map(async (n) => vkeyOf(await testSigner(`l${n}`, 1, 50 + n))));
    const policy = [
      ...logs.map((vkey) => `log ${vkey}`),
      ...vkeys.map((vkey, n) => `witness w${n} ${vkey}`),
      // Each group holds the one before: as deep as there are groups.
      ...numbers.map((n) => `group g${n} all w${n}${n === 0 ? "" : ` g${n - 1}`}`),
      `quorum g${count - 1}\n`,
    ].join("\n");
    const parsed = parsePolicy(policy);
    expect(parsed.groups.length).toBe(count);
    const names = parsed.witnesses.map(({ name }) => name);
    expect(isQuorumMet(parsed, names)).toBe(true);
    expect(isQuorumMet(parsed, names.slice(1))).toBe(false);
  });

  it("POL-6 has limits: bytes and lines", () => {
    const comment = `#${"x".repeat(MAX_POLICY_BYTES - 14)}\n`;
    expect(parsePolicy(`${comment}quorum none\n`).quorum).toBe("none");
    refuse(`#${comment}quorum none\n`);
    expect(parsePolicy(`${"\n".repeat(9_998)}quorum none\n`).quorum).toBe("none");
    refuse(`${"\n".repeat(10_000)}quorum none\n`);
  });

  it("throws nothing but TlogError on damaged policies", () => {
    const bytes = utf8(EXAMPLE);
    const edit = fc.record({
      at: fc.nat({ max: bytes.length }),
      remove: fc.nat({ max: 40 }),
      insert: fc.uint8Array({ maxLength: 4 }),
    });
    fc.assert(
      fc.property(edit, ({ at, remove, insert }) => {
        const damaged = concatBytes(bytes.subarray(0, at), insert, bytes.subarray(at + remove));
        try {
          const policy = parsePolicy(damaged);
          expect(parsePolicy(formatPolicy(policy))).toEqual(policy);
        } catch (error) {
          expect(error).toBeInstanceOf(TlogError);
        }
      }),
      { numRuns: runs(200) },
    );
  });
});

describe("formatPolicy", () => {
  it.each([
    ["a URL that would be a second line", { url: "u\nquorum none" }],
    ["a URL with a space", { url: "u v" }],
    ["a character that is no octet", { url: "\u0141" }],
  ])("writes no other policy than it was given: refuses %s", (_name, more) => {
    const policy = singleKeyPolicy(LOG);
    expectCode(
      () => formatPolicy({ ...policy, logs: policy.logs.map((log) => ({ ...log, ...more })) }),
      "POLICY_MALFORMED",
    );
  });

  it("writes what reads back as the same policy", () => {
    const policy = parsePolicy(EXAMPLE);
    expect(parsePolicy(formatPolicy(policy))).toEqual(policy);
    expect(formatPolicy(parsePolicy(formatPolicy(policy)))).toEqual(formatPolicy(policy));
    expect(text(formatPolicy(singleKeyPolicy(LOG)))).toBe(`log ${LOG}\nquorum none\n`);
  });

  it("keeps URLs", () => {
    const policy = `log ${LOG} https://log.example/\nwitness w ${x1} https://w.example/\nquorum w\n`;
    expect(text(formatPolicy(parsePolicy(policy)))).toBe(policy);
  });

  it("refuses a policy that would not read back", () => {
    const policy = parsePolicy(EXAMPLE);
    expectCode(() => formatPolicy({ ...policy, quorum: "unknown" }), "POLICY_MALFORMED");
    expectCode(() => formatPolicy({ ...policy, quorum: "X-and-Y\nquorum none" }), "POLICY_MALFORMED");
    const [first, ...rest] = policy.groups;
    if (first === undefined) throw new Error("no group");
    expectCode(() => formatPolicy({ ...policy, groups: [...rest, first] }), "POLICY_MALFORMED");
  });
});

describe("isQuorumMet", () => {
  it("counts the example's groups as the document explains them", () => {
    const policy = parsePolicy(EXAMPLE);
    expect(isQuorumMet(policy, ["X1", "X2", "Y3"])).toBe(true);
    expect(isQuorumMet(policy, ["X1", "X2", "X3"])).toBe(false);
    expect(isQuorumMet(policy, ["X1", "Y1", "Y2", "Y3"])).toBe(false);
    expect(isQuorumMet(policy, ["X1", "X1", "X1", "Y1"])).toBe(false);
    expect(isQuorumMet(policy, [])).toBe(false);
  });

  it("takes the names of witnesses, never those of groups", () => {
    const policy = parsePolicy(EXAMPLE);
    expect(isQuorumMet(policy, ["X-and-Y"])).toBe(false);
    expect(isQuorumMet(policy, ["X-witnesses", "Y-witnesses"])).toBe(false);
    expect(isQuorumMet(policy, ["none"])).toBe(false);
  });

  it("quorum none asks for nobody, and a witness's name for that witness", () => {
    expect(isQuorumMet(singleKeyPolicy(LOG), [])).toBe(true);
    const one = parsePolicy(`witness a ${x1}\nwitness b ${x2}\nquorum b\n`);
    expect(isQuorumMet(one, ["a"])).toBe(false);
    expect(isQuorumMet(one, ["b"])).toBe(true);
  });

  it("never loses a quorum by one more witness", () => {
    const policy = parsePolicy(EXAMPLE);
    const names = policy.witnesses.map(({ name }) => name);
    fc.assert(
      fc.property(fc.subarray(names), fc.constantFrom(...names), (some, more) => {
        if (isQuorumMet(policy, some)) expect(isQuorumMet(policy, [...some, more])).toBe(true);
      }),
    );
  });
});
