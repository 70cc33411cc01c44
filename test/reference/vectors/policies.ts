import { hex } from "../merkle.ts";
import { join, referenceKey, utf8 } from "../notes.ts";
import type { VectorCase, VectorFile } from "./vector-file.ts";

const log = referenceKey("example.com/log", 1, 1).vkey;
const quantumLog = referenceKey("example.com/quantum", 6, 2).vkey;
const [a, b, c, d] = [11, 12, 13, 14].map((seed) => referenceKey(`witness.example/${seed}`, 4, seed).vkey);
const quantum = referenceKey("witness.example/q", 6, 15).vkey;
const WITNESSES = `witness a ${a}\nwitness b ${b}\nwitness c ${c}\nwitness d ${d}\n`;

/** Trust policies, and which witnesses are a quorum. */
export function policyVectors(): readonly VectorFile[] {
  return [
    {
      name: "policy",
      description:
        "Trust policies, c2sp.org/tlog-policy: parse `policy` (or the bytes `policyHex`). Each set of witnesses in `met` is a quorum, none in " +
        "`unmet` is.",
      cases: [...good(), ...bad()],
    },
  ];
}

function good(): readonly VectorCase[] {
  return [
    { name: "only a quorum", policy: "quorum none\n", met: [[]], unmet: [] },
    {
      name: "a log and no witnesses",
      policy: `log ${log} https://log.example/\nquorum none\n`,
      met: [[]],
      unmet: [],
    },
    {
      name: "logs of both types",
      policy: `log ${log}\nlog ${quantumLog}\nquorum none\n`,
      met: [[]],
      unmet: [],
    },
    {
      name: "one witness",
      policy: `${WITNESSES}quorum b\n`,
      met: [["b"], ["a", "b"]],
      unmet: [[], ["a"], ["a", "c", "d"]],
    },
    { name: "an ML-DSA-44 witness", policy: `witness q ${quantum}\nquorum q\n`, met: [["q"]], unmet: [[]] },
    {
      name: "any",
      policy: `${WITNESSES}group g any a b\nquorum g\n`,
      met: [["a"], ["b"]],
      unmet: [[], ["c", "d"]],
    },
    {
      name: "all",
      policy: `${WITNESSES}group g all a b\nquorum g\n`,
      met: [["a", "b"]],
      unmet: [["a"], ["b", "c"]],
    },
    {
      name: "2 of 3",
      policy: `${WITNESSES}group g 2 a b c\nquorum g\n`,
      met: [["a", "c"]],
      unmet: [["a"], ["a", "d"], ["a", "a"]],
    },
    {
      name: "groups in groups",
      policy: `${WITNESSES}group g all a b\ngroup h any c d\ngroup both all g h\nquorum both\n`,
      met: [
        ["a", "b", "c"],
        ["a", "b", "d"],
      ],
      unmet: [["a", "b"], ["a", "c", "d"], ["g", "h"], ["both"]],
    },
    {
      name: "spaces, tabs, comments and empty lines",
      policy: `\n \t# x\n\twitness\t w  ${a}\t\n\n  quorum w \n#\n`,
      met: [["w"]],
      unmet: [[]],
    },
    {
      name: "names that are keywords elsewhere",
      policy: `witness all ${a}\ngroup any any all\nquorum any\n`,
      met: [["all"]],
      unmet: [[]],
    },
    {
      name: "K and the Kelvin sign are two names; names are octets, here shown one a character",
      policy: `witness K ${a}\nwitness \u212a ${b}\nquorum \u212a\n`,
      met: [["\u00e2\u0084\u00aa"]],
      unmet: [["K"]],
    },
    {
      name: "a name that is not UTF-8, with the octets of a no-break space in it",
      policyHex: hex(
        join(
          utf8("witness x"),
          Uint8Array.of(0xff, 0xa0),
          utf8(`y ${a}\nquorum x`),
          Uint8Array.of(0xff, 0xa0),
          utf8("y\n"),
        ),
      ),
      met: [["x\u00ff\u00a0y"]],
      unmet: [["x"]],
    },
  ];
}

function bad(): readonly VectorCase[] {
  const renamed = referenceKey("witness.example/renamed", 4, 11).vkey;
  const policies: Record<string, string> = {
    "no bytes": "",
    "no quorum": `log ${log}\n`,
    "two quorums": "quorum none\nquorum none\n",
    "a quorum nobody defined": "quorum w\n",
    "a quorum defined later": `quorum w\nwitness w ${a}\n`,
    "a member defined later": `witness a ${a}\ngroup g any a b\nwitness b ${b}\nquorum g\n`,
    "a group in itself": "group g any g\nquorum g\n",
    "an unknown keyword": "mirror x\nquorum none\n",
    "a keyword in capitals": "Quorum none\n",
    "a comment at the end of a line": "quorum none # x\n",
    "no newline at the end": "quorum none",
    "a carriage return": "quorum none\r\n",
    "a delete character in a comment": "#\u007f\nquorum none\n",
    "a witness called none": `witness none ${a}\nquorum none\n`,
    "none as a member": `witness a ${a}\ngroup g any a none\nquorum g\n`,
    "a name taken": `witness a ${a}\nwitness a ${b}\nquorum a\n`,
    "a group with a witness's name": `witness a ${a}\ngroup a any a\nquorum a\n`,
    "a log key twice": `log ${log}\nlog ${log}\nquorum none\n`,
    "a witness key twice, under another name and ID": `witness a ${a}\nwitness b ${renamed}\nquorum a\n`,
    "a member of two groups": `${WITNESSES}group g any a b\ngroup h any a c\nquorum g\n`,
    "a member twice": `${WITNESSES}group g 2 a a\nquorum g\n`,
    "a group without members": "group g all\nquorum g\n",
    "a threshold of 0": `${WITNESSES}group g 0 a b\nquorum g\n`,
    "a threshold above the members": `${WITNESSES}group g 3 a b\nquorum g\n`,
    "a threshold with a leading zero": `${WITNESSES}group g 01 a b\nquorum g\n`,
    "a log key of type 0x04": `log ${a}\nquorum none\n`,
    "a witness key of type 0x01": `witness w ${log}\nquorum w\n`,
    "a bare hex key": `witness w ${"c".repeat(64)}\nquorum w\n`,
  };
  return Object.entries(policies).map(([name, policy]) => ({ name, policy, error: "POLICY_MALFORMED" }));
}
