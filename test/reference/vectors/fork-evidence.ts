import { hex, leafHashOf, ReferenceTree, sha256 } from "../merkle.ts";
import { base64, type ReferenceKey, referenceKey, signedNote, utf8 } from "../notes.ts";
import type { VectorCase, VectorFile } from "./vector-file.ts";

const ORIGIN = "example.com/log";
const TIME = 1679315147;
const leavesOf = (word: string) =>
  Array.from({ length: 13 }, (_, index) => leafHashOf(utf8(`${index < 3 ? "entry" : word} ${index}`)));
/** Two histories that share their first 3 entries. */
const one = new ReferenceTree(leavesOf("entry"));
const two = new ReferenceTree(leavesOf("other"));

const log = referenceKey(ORIGIN, 1, 1);
const newLog = referenceKey(ORIGIN, 1, 2);
const quantumLog = referenceKey(ORIGIN, 6, 3);
const elsewhere = referenceKey("example.com/other", 1, 4);
const w4 = referenceKey("witness.example", 4, 11);
const w6 = referenceKey("witness.example", 6, 13);

type Signers = readonly (readonly [key: ReferenceKey, time?: number])[];
const BY_LOG: Signers = [[log]];

/** A head and its note. */
interface Head {
  readonly line: string;
  readonly note: string;
}

function head(
  size: number,
  root: Uint8Array,
  signers: Signers = BY_LOG,
  extensions = "",
  origin = ORIGIN,
): Head {
  const body = `${size}\n${base64(root)}`;
  return {
    line: `head ${body.replace("\n", " ")}`,
    note: signedNote(`${origin}\n${body}\n${extensions}`, signers),
  };
}

const at = (tree: ReferenceTree, size: number, signers?: Signers, extensions?: string): Head =>
  head(size, tree.root(size), signers, extensions);

/** The file, put together line by line. */
function file(args: {
  readonly kind: string;
  readonly heads: readonly Head[];
  readonly witness?: ReferenceKey;
  readonly rest?: readonly string[];
  readonly origin?: string;
}): { readonly evidence: string; readonly id: string } {
  const { kind, heads, witness, rest = [], origin = ORIGIN } = args;
  const lines = [
    "bristlecone/tlog-evidence@v1",
    `kind ${kind}`,
    `origin ${origin}`,
    ...(witness === undefined ? [] : [`witness ${witness.vkey}`]),
    ...heads.map(({ line }) => line),
    ...rest,
  ];
  const statement = lines.map((line) => `${line}\n`).join("");
  const notes = heads.map(({ note }) => `note ${utf8(note).length}\n${note}`);
  return { evidence: `${statement}\n${notes.join("")}`, id: hex(sha256(utf8(statement))) };
}

/** The two heads of one size, in the order of their roots. */
function sameSize(size: number, signers?: Signers, extensions?: string): readonly Head[] {
  const heads = [at(one, size, signers), at(two, size, signers, extensions)];
  return Buffer.compare(one.root(size), two.root(size)) < 0 ? heads : heads.toReversed();
}

const crossSizeLines = (tree: ReferenceTree, from: number, to: number) => [
  `root ${base64(tree.root(from))}`,
  ...tree.proof(from, to).map((hash) => base64(hash)),
];
const leafLines = (index: number, ...sides: readonly (readonly [ReferenceTree, number])[]) => [
  `index ${index}`,
  ...sides.flatMap(([tree, size]) => [
    `leaf ${base64(tree.leafHashes[index] ?? new Uint8Array(0))}`,
    ...tree.path(index, 0, size).map((hash) => base64(hash)),
  ]),
];

const empty = head(0, new Uint8Array(32));
const byWitness: Signers = [[w4, TIME], [log]];
const crossHeads = [at(one, 6), at(two, 9)];
const cross = file({ kind: "cross-size", heads: crossHeads, rest: crossSizeLines(two, 6, 9) });
const same = file({ kind: "same-size", heads: sameSize(5) });
const wentBack = (smaller: Signers, larger: Signers, witness = w4) =>
  file({ kind: "witness-rollback", witness, heads: [at(one, 6, smaller), at(one, 9, larger)] });

/** Evidence files that convict, and files that must not. */
export function forkEvidenceVectors(): readonly VectorFile[] {
  return [
    {
      name: "fork-evidence",
      description:
        "Fork evidence, spec/fork-evidence.md: verify `evidence` with the vkeys `logKeys` and `witnessKeys`. A good case convicts the `accused` " +
        "(`role` and `name`) of `kind`, and its id is `id`. A case with an error must convict nobody.",
      cases: [...good(), ...unproven(), ...wrongKeys(), ...malformed()],
    },
  ];
}

type Keys = { readonly logKeys?: readonly ReferenceKey[]; readonly witnessKeys?: readonly ReferenceKey[] };

function evidenceCase(name: string, evidence: string, keys: Keys, more: object): VectorCase {
  const { logKeys = [], witnessKeys = [] } = keys;
  const vkeys = (keys: readonly ReferenceKey[]) => keys.map(({ vkey }) => vkey);
  return { name, evidence, logKeys: vkeys(logKeys), witnessKeys: vkeys(witnessKeys), ...more };
}

function good(): readonly VectorCase[] {
  const ofLog = { role: "log", name: ORIGIN };
  const byLog = (kind: string, name: string, made: { evidence: string; id: string }, logKeys = [log]) =>
    evidenceCase(name, made.evidence, { logKeys }, { id: made.id, kind, accused: ofLog });
  const byWitness4 = (kind: string, name: string, made: { evidence: string; id: string }, key = w4) =>
    evidenceCase(
      name,
      made.evidence,
      { witnessKeys: [key] },
      { id: made.id, kind, accused: { role: "witness", name: key.name } },
    );
  const leaf = file({
    kind: "leaf",
    heads: [at(one, 6), at(two, 9)],
    rest: leafLines(4, [one, 6], [two, 9]),
  });
  const power = file({
    kind: "cross-size",
    heads: [at(one, 4), at(two, 13)],
    rest: crossSizeLines(two, 4, 13),
  });
  const equivocation = (shape: Parameters<typeof file>[0]) =>
    file({ ...shape, kind: "witness-equivocation", witness: w4 });
  const cosigned = [at(one, 6, byWitness), at(two, 9, byWitness)];
  return [
    byLog("impossible", "a tree of size 0 that is not empty", file({ kind: "impossible", heads: [empty] })),
    byLog("same-size", "two roots of one size", same),
    byLog(
      "same-size",
      "other extension lines: the same id",
      file({ kind: "same-size", heads: sameSize(5, BY_LOG, "extension\n") }),
    ),
    byLog(
      "same-size",
      "signed with ML-DSA-44",
      file({ kind: "same-size", heads: sameSize(5, [[quantumLog]]) }),
      [quantumLog],
    ),
    byLog(
      "same-size",
      "each signed with another of the log's two keys",
      file({
        kind: "same-size",
        heads: sameSize(5).map((head, index) =>
          index === 0 ? head : { ...head, note: sameSize(5, [[newLog]])[1]?.note ?? "" },
        ),
      }),
      [log, newLog],
    ),
    byLog("cross-size", "a proof from another smaller root", cross),
    byLog("cross-size", "from a power of two, whose root is not in the proof", power),
    byLog("leaf", "two leaves at one index", leaf),
    byWitness4(
      "witness-equivocation",
      "a witness that cosigned two roots of one size",
      equivocation({ kind: "", heads: sameSize(5, byWitness) }),
    ),
    byWitness4(
      "witness-equivocation",
      "a witness that cosigned two histories of two sizes",
      equivocation({ kind: "", heads: cosigned, rest: crossSizeLines(two, 6, 9) }),
    ),
    byWitness4(
      "witness-equivocation",
      "a witness that cosigned two leaves at one index",
      equivocation({ kind: "", heads: cosigned, rest: leafLines(4, [one, 6], [two, 9]) }),
    ),
    byWitness4(
      "witness-equivocation",
      "a witness that cosigned an impossible tree",
      equivocation({ kind: "", heads: [head(0, new Uint8Array(32), byWitness)] }),
    ),
    byWitness4(
      "witness-rollback",
      "a smaller tree cosigned a second later",
      wentBack([[w4, TIME + 1]], [[w4, TIME]]),
    ),
    byWitness4(
      "witness-rollback",
      "the same with ML-DSA-44",
      wentBack([[w6, TIME + 1]], [[w6, TIME]], w6),
      w6,
    ),
  ];
}

/** Well formed and well signed, and no contradiction. */
function unproven(): readonly VectorCase[] {
  const bad = (name: string, made: { readonly evidence: string }, keys: Keys = { logKeys: [log] }) =>
    evidenceCase(name, made.evidence, keys, { error: "EVIDENCE_INVALID" });
  const witnessKeys = [w4, w6];
  const rest = crossSizeLines(one, 6, 9);
  const heads = [at(one, 6), at(one, 9)];
  const flipped = crossSizeLines(two, 6, 9).with(1, base64(sha256(utf8("no node"))));
  return [
    bad("the empty tree", file({ kind: "impossible", heads: [head(0, one.root(0))] })),
    bad("one head that is not of size 0", file({ kind: "impossible", heads: [at(one, 5)] })),
    bad("a proof that holds", file({ kind: "cross-size", heads, rest })),
    bad("a proof that merely fails", file({ kind: "cross-size", heads, rest: crossSizeLines(two, 6, 9) })),
    bad(
      "a fork, but a proof with a changed hash",
      file({ kind: "cross-size", heads: crossHeads, rest: flipped }),
    ),
    bad(
      "a fork, but a proof with a hash too many",
      file({
        kind: "cross-size",
        heads: crossHeads,
        rest: [...crossSizeLines(two, 6, 9), base64(one.root(1))],
      }),
    ),
    bad(
      "a fork, but a proof with a hash too few",
      file({ kind: "cross-size", heads: crossHeads, rest: crossSizeLines(two, 6, 9).slice(0, -1) }),
    ),
    bad(
      "a proof from size 0, from which every tree follows",
      file({
        kind: "cross-size",
        heads: [head(0, new Uint8Array(32)), at(one, 9)],
        rest: [`root ${base64(one.root(0))}`],
      }),
    ),
    bad("one leaf proven twice", file({ kind: "leaf", heads, rest: leafLines(4, [one, 6], [one, 9]) })),
    bad(
      "an index beyond the smaller tree",
      file({
        kind: "leaf",
        heads,
        rest: [
          leafLines(4, [one, 6])[0]?.replace("4", "6") ?? "",
          ...leafLines(4, [one, 6], [two, 9]).slice(1),
        ],
      }),
    ),
    bad(
      "leaves of another index",
      file({ kind: "leaf", heads: crossHeads, rest: leafLines(4, [one, 6], [two, 9]).with(0, "index 3") }),
    ),
    bad("a smaller tree cosigned at the same time", wentBack([[w4, TIME]], [[w4, TIME]]), { witnessKeys }),
    bad("a smaller tree cosigned before", wentBack([[w4, TIME]], [[w4, TIME + 1]]), { witnessKeys }),
    bad("a subtree signature, whose time is 0, beside a cosignature", wentBack([[w6, TIME]], [[w6, 0]], w6), {
      witnessKeys,
    }),
  ];
}

function wrongKeys(): readonly VectorCase[] {
  const bad = (name: string, evidence: string, keys: Keys, error = "SIGNATURE_MISSING") =>
    evidenceCase(name, evidence, keys, { error });
  const back = wentBack([[w4, TIME + 1]], [[w4, TIME]]).evidence;
  const stranger = referenceKey("witness.example", 4, 12);
  const framed = file({ kind: "same-size", heads: sameSize(5, [[elsewhere]]) }).evidence;
  const broken = same.evidence
    .replace(/(— \S+ \S{40})./, "$1!")
    .replace("!", same.evidence.match(/— \S+ \S{40}(.)/)?.[1] === "A" ? "B" : "A");
  return [
    bad("no key", same.evidence, {}),
    bad("another key of this name", same.evidence, { logKeys: [newLog] }),
    bad("signed by another log, whose key is known", framed, { logKeys: [log, elsewhere] }),
    bad(
      "one of the two heads is not signed by a known key",
      file({
        kind: "same-size",
        heads: sameSize(5).map((head, index) =>
          index === 0 ? head : { ...head, note: sameSize(5, [[newLog]])[1]?.note ?? "" },
        ),
      }).evidence,
      { logKeys: [log] },
    ),
    bad("a known key's signature that does not verify", broken, { logKeys: [log] }, "SIGNATURE_INVALID"),
    bad("a witness whose key is not given", back, { logKeys: [log] }),
    bad("a witness's name with another key", back, { witnessKeys: [stranger] }),
    bad("a witness's key given as the log's", same.evidence, { logKeys: [w4] }, "KEY_TYPE_UNSUPPORTED"),
    bad("a log's key given as a witness's", back, { witnessKeys: [log] }, "KEY_TYPE_UNSUPPORTED"),
    bad(
      "cosigned by the witness on one side only",
      file({
        kind: "witness-equivocation",
        witness: w4,
        heads: [at(one, 6, byWitness), at(two, 9)],
        rest: crossSizeLines(two, 6, 9),
      }).evidence,
      { witnessKeys: [w4] },
    ),
  ];
}

function malformed(): readonly VectorCase[] {
  const keys = { logKeys: [log], witnessKeys: [w4] };
  const bad = (name: string, evidence: string) =>
    evidenceCase(name, evidence, keys, { error: "EVIDENCE_MALFORMED" });
  const [smaller, larger] = sameSize(5);
  if (smaller === undefined || larger === undefined) throw new Error("want two heads");
  const swap = (from: string | RegExp, to: string, text = cross.evidence) => {
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`nothing to replace: ${from}`);
    return changed;
  };
  const other = head(5, two.root(5), BY_LOG, "", "example.com/other");
  return [
    bad("another version", swap("@v1", "@v2")),
    bad("another kind than what stands there", swap("kind cross-size", "kind leaf")),
    bad("heads in descending order", file({ kind: "same-size", heads: [larger, smaller] }).evidence),
    bad("one head twice", file({ kind: "same-size", heads: [smaller, smaller] }).evidence),
    bad(
      "a proof beside two heads of one size",
      file({ kind: "cross-size", heads: [smaller, larger], rest: crossSizeLines(two, 4, 5) }).evidence,
    ),
    bad("a head that is not its note's", swap("head 6 ", "head 7 ")),
    bad(
      "a note of another origin",
      file({ kind: "same-size", heads: [smaller, { ...larger, note: other.note }] }).evidence,
    ),
    bad("a size with a leading zero", swap("head 6 ", "head 06 ")),
    bad("two spaces", swap("head 6 ", "head 6  ")),
    bad("a hash that is not in canonical base64", swap(/^(root \S{42})(\S)=$/m, "$1/=")),
    bad("64 hashes", swap(/^(root .*)$/m, `$1${`\n${base64(new Uint8Array(32))}`.repeat(64)}`)),
    bad("an empty line too many", swap("\n\nnote", "\n\n\nnote")),
    bad("a note length with a leading zero", swap(/^note /m, "note 0")),
    bad("a note that is cut short", cross.evidence.slice(0, -1)),
    bad("something after the notes", `${cross.evidence}\n`),
    bad(
      "a witness named as the log",
      file({ kind: "witness-equivocation", witness: quantumLog, heads: sameSize(5, [[quantumLog]]) })
        .evidence,
    ),
    bad(
      "a log's key as the witness",
      file({ kind: "witness-equivocation", witness: elsewhere, heads: sameSize(5, [[elsewhere]]) }).evidence,
    ),
    bad(
      "a rollback without a witness",
      file({ kind: "witness-rollback", heads: [at(one, 6), at(one, 9)] }).evidence,
    ),
    bad("nothing", ""),
  ];
}
