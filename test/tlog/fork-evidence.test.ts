import { describe, expect, it } from "vitest";
import { encodeBase64, encodeUtf8 } from "../../src/tlog/encoding.ts";
import {
  evidenceId,
  type ForkEvidence,
  formatForkEvidence,
  MAX_EVIDENCE_BYTES,
  parseForkEvidence,
  verifyForkEvidence,
} from "../../src/tlog/fork-evidence.ts";
import {
  evidenceFromHeads,
  evidenceFromReceipts,
  witnessEvidence,
} from "../../src/tlog/fork-evidence-build.ts";
import type { VerifierKey } from "../../src/tlog/key.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { someBelow } from "../runs.ts";
import { checkpointOf, history, logSigner, ORIGIN, receiptOf, WITNESS, witnessAt } from "./forks.ts";
import { testSigner, vkeyOf } from "./signers.ts";

const log = await logSigner();
const logKeys = [log.verifierKey];
const witness = await witnessAt(100);
const witnessKey = witness.verifierKey;
const namedAsLog = await testSigner(ORIGIN, 4);
const honest = history(12);
const forked = history(12, 3);

/** Each kind from its simplest means; the builders decide what it is. */
async function oneOfEach(): Promise<Readonly<Record<string, string | undefined>>> {
  const at = (tree: typeof honest, size: number, more = {}) => checkpointOf(tree, size, [log, witness], more);
  const empty = await checkpointOf(honest, 0, [log], { rootHash: new Uint8Array(32) });
  const cross = {
    notes: [await at(honest, 6), await at(forked, 9)] as const,
    alternativeRoot: forked.root(6),
    proof: forked.proof(6, 9),
  };
  const [early, late] = [await witnessAt(100), await witnessAt(200)];
  const leaf = { leafIndex: 4, size: 6 };
  return {
    impossible: await evidenceFromHeads({ origin: ORIGIN, logKeys, notes: [empty, await at(honest, 3)] }),
    "same-size": await evidenceFromHeads({
      origin: ORIGIN,
      logKeys,
      notes: [await at(honest, 5), await at(forked, 5)],
    }),
    "cross-size": await evidenceFromHeads({ origin: ORIGIN, logKeys, ...cross }),
    leaf: await evidenceFromReceipts({
      receipts: [await receiptOf(honest, leaf, [log]), await receiptOf(forked, { ...leaf, size: 9 }, [log])],
      leafHashes: [honest.leafHashes[4]!, forked.leafHashes[4]!],
      logKeys,
    }),
    "witness-equivocation": await witnessEvidence({ origin: ORIGIN, witnessKey, ...cross }),
    "witness-rollback": await witnessEvidence({
      origin: ORIGIN,
      witnessKey,
      notes: [await checkpointOf(honest, 9, [log, early]), await checkpointOf(honest, 6, [log, late])],
    }),
  };
}

const files = await oneOfEach();
const file = (kind: string): string => files[kind] ?? expect.unreachable(`no evidence of kind ${kind}`);
const verify = (
  evidence: string,
  keys: { logKeys?: readonly VerifierKey[]; witnessKeys?: readonly VerifierKey[] } = {},
) => verifyForkEvidence({ evidence, logKeys, witnessKeys: [witnessKey], ...keys });

describe("each kind of evidence", () => {
  it.each(Object.keys(files))(
    "%s: is built, has one spelling, convicts, and says so in words",
    async (kind) => {
      const text = file(kind);
      expect(formatForkEvidence(parseForkEvidence(text))).toBe(text);
      expect(parseForkEvidence(encodeUtf8(text))).toEqual(parseForkEvidence(text));
      const isWitness = kind.startsWith("witness");
      const verdict = await verify(text, isWitness ? { logKeys: [] } : { witnessKeys: [] });
      expect(verdict).toMatchObject({
        id: evidenceId(parseForkEvidence(text)),
        kind,
        origin: ORIGIN,
        accused: isWitness ? { role: "witness", name: WITNESS } : { role: "log", name: ORIGIN },
        signedBy: [vkeyOf(isWitness ? witness : log)],
      });
      expect(verdict.explanation).toContain(isWitness ? `The witness ${WITNESS}` : `The log ${ORIGIN}`);
      for (const { treeSize } of verdict.heads) expect(verdict.explanation).toContain(`size ${treeSize}`);
      expect(verdict.explanation.split("\n")).toHaveLength(3);
    },
  );
});

describe("an evidence file", () => {
  const good = file("cross-size");
  const [statement = ""] = good.split("\n\n", 1);
  const swap = (text: string, from: string | RegExp, to: string) => {
    const changed = text.replace(from, to);
    expect(changed).not.toBe(text);
    return changed;
  };
  const heads = statement.split("\n").filter((line) => line.startsWith("head "));

  it.each([
    ["another version", swap(good, "@v1", "@v2")],
    ["a kind that is not what stands there", swap(good, "kind cross-size", "kind same-size")],
    ["an unknown kind", swap(good, "kind cross-size", "kind fork")],
    ["heads in the wrong order", swap(good, heads.join("\n"), heads.toReversed().join("\n"))],
    ["one head twice", swap(good, heads.join("\n"), `${heads[0]}\n${heads[0]}`)],
    ["a head its note does not have", swap(good, "head 6 ", "head 5 ")],
    ["an origin its notes do not have", swap(good, `origin ${ORIGIN}`, "origin other.example")],
    ["a leading zero", swap(good, "head 6 ", "head 06 ")],
    ["a size above 2^53", swap(good, "head 9 ", "head 9007199254740993 ")],
    ["a space too many", swap(good, "head 6 ", "head  6 ")],
    ["something after the root", swap(good, /^(head 6 .*)$/m, "$1 x")],
    ["a hash of 31 bytes", swap(good, /^root .*$/m, `root ${encodeBase64(new Uint8Array(31))}`)],
    ["no root line", swap(good, /^root .*\n/m, "")],
    ["64 hashes", swap(good, /^root .*$/m, `$&${`\n${encodeBase64(new Uint8Array(32))}`.repeat(64)}`)],
    ["a line feed less before the notes", swap(good, "\n\nnote", "\nnote")],
    ["a carriage return", swap(good, "\nkind", "\r\nkind")],
    ["a note length too small", swap(good, /^note (\d+)$/m, "note 9")],
    ["a note length too large", swap(good, /^note (\d+)$/m, "note 99999999999")],
    ["no second note", good.slice(0, good.lastIndexOf("note "))],
    ["a third note", `${good}${good.slice(good.lastIndexOf("note "))}`],
    ["nothing after the statement", `${statement}\n\n`],
    ["a final newline less", good.slice(0, -1)],
    ["nothing", ""],
    [
      "a rollback of a log",
      swap(swap(good, /^root [\s\S]*?\n\n/m, "\n"), "kind cross-size", "kind witness-rollback"),
    ],
    [
      "a witness named as the log",
      swap(good, /^kind .*\norigin .*$/m, `kind witness-equivocation\n$&\nwitness ${vkeyOf(namedAsLog)}`),
    ],
    ["half a surrogate pair", swap(good, "cross-size", "\ud800")],
  ])("with %s is malformed", async (_what, text) => {
    expectCode(() => parseForkEvidence(text), "EVIDENCE_MALFORMED");
    await expectCodeAsync(verify(text), "EVIDENCE_MALFORMED");
  });

  it("longer than 512 KiB is not read", () => {
    expectCode(() => parseForkEvidence(new Uint8Array(MAX_EVIDENCE_BYTES + 1)), "EVIDENCE_MALFORMED");
  });

  it.each(Object.keys(files))(
    "%s with any bit turned convicts nobody else, and of nothing else",
    async (kind) => {
      const bytes = encodeUtf8(file(kind));
      const { id } = await verify(file(kind));
      for (const at of someBelow(bytes.length)) {
        const bit = 2 ** (at % 8);
        const changed = bytes.with(at, (bytes[at] ?? 0) ^ bit);
        const verdict = await verifyForkEvidence({
          evidence: changed,
          logKeys,
          witnessKeys: [witnessKey],
        }).catch((error) => error.code);
        if (typeof verdict === "string") expect(verdict).toMatch(/^(EVIDENCE|SIGNATURE)_/);
        else expect(verdict.id).toBe(id);
      }
    },
  );

  it("given as it was parsed is read again: its heads cannot be exchanged", async () => {
    const parsed = parseForkEvidence(file("same-size"));
    const [first] = parsed.contradiction.heads;
    const other = { ...first, rootHash: new Uint8Array(32) };
    const forged: ForkEvidence = { ...parsed, contradiction: { shape: "same-size", heads: [other, first] } };
    await expectCodeAsync(verifyForkEvidence({ evidence: forged, logKeys }), "EVIDENCE_MALFORMED");
  });
});

describe("whose keys count", () => {
  it("no other log's: one log cannot convict another", async () => {
    const impostor = await testSigner("impostor.example", 1, 7);
    const at = (tree: typeof honest) => checkpointOf(tree, 5, [impostor]);
    const notes = [await at(honest), await at(forked)] as const;
    const evidence = await evidenceFromHeads({ origin: ORIGIN, notes, logKeys: [impostor.verifierKey] });
    const keys = [log.verifierKey, impostor.verifierKey];
    await expectCodeAsync(verify(evidence ?? "", { logKeys: keys }), "SIGNATURE_MISSING");
    await expectCodeAsync(verify(evidence ?? "", { logKeys: [impostor.verifierKey] }), "SIGNATURE_MISSING");
    // Unless somebody says that this key is that log's, whatever its name.
    const named = { evidence: evidence ?? "", logKeys: [impostor.verifierKey] };
    expect(await verifyForkEvidence({ ...named, origin: ORIGIN })).toMatchObject({ kind: "same-size" });
    await expectCodeAsync(verifyForkEvidence({ ...named, origin: "other" }), "SIGNATURE_MISSING");
  });

  it("a witness's key convicts no log, a log's key no witness, and one given for the other is said to be", async () => {
    await expectCodeAsync(verify(file("same-size"), { logKeys: [] }), "SIGNATURE_MISSING");
    await expectCodeAsync(verify(file("same-size"), { logKeys: [witnessKey] }), "KEY_TYPE_UNSUPPORTED");
    const rollback = file("witness-rollback");
    await expectCodeAsync(verify(rollback, { witnessKeys: [] }), "SIGNATURE_MISSING");
    await expectCodeAsync(verify(rollback, { witnessKeys: logKeys }), "KEY_TYPE_UNSUPPORTED");
    const stranger = (await testSigner(WITNESS, 4, 8)).verifierKey;
    await expectCodeAsync(verify(rollback, { witnessKeys: [stranger] }), "SIGNATURE_MISSING");
  });

  it("a log's ML-DSA-44 key under another name is no witness", async () => {
    const pq = await testSigner("keys.example", 6, 3, 0);
    const notes = [await checkpointOf(honest, 5, [pq]), await checkpointOf(forked, 5, [pq])] as const;
    const evidence = (await witnessEvidence({ origin: ORIGIN, notes, witnessKey: pq.verifierKey })) ?? "";
    const keys = { logKeys: [pq.verifierKey], witnessKeys: [pq.verifierKey] };
    await expectCodeAsync(verifyForkEvidence({ evidence, ...keys, origin: ORIGIN }), "EVIDENCE_INVALID");
  });

  it("two keys of one log are one log", async () => {
    const rotated = await testSigner(ORIGIN, 1, 5);
    const notes = [await checkpointOf(honest, 5, [log]), await checkpointOf(forked, 5, [rotated])] as const;
    const both = [log.verifierKey, rotated.verifierKey];
    const evidence = await evidenceFromHeads({ origin: ORIGIN, notes, logKeys: both });
    expect((await verify(evidence ?? "", { logKeys: both })).signedBy).toHaveLength(2);
    await expectCodeAsync(verify(evidence ?? ""), "SIGNATURE_MISSING");
    expect(await evidenceFromHeads({ origin: ORIGIN, notes, logKeys })).toBeUndefined();
  });
});

describe("what is honest", () => {
  const rollbackOf = async (smaller: number, larger: number, type: 4 | 6 = 4, key?: VerifierKey) => {
    const [ofSmaller, ofLarger] = [await witnessAt(smaller, type), await witnessAt(larger, type)];
    const notes = [
      await checkpointOf(honest, 6, [ofSmaller]),
      await checkpointOf(honest, 9, [ofLarger]),
    ] as const;
    return witnessEvidence({ origin: ORIGIN, notes, witnessKey: key ?? ofLarger.verifierKey });
  };

  it("a smaller size cosigned at the same time, or before", async () => {
    expect(await rollbackOf(101, 100)).toBeDefined();
    expect(await rollbackOf(100, 100)).toBeUndefined();
    expect(await rollbackOf(99, 100)).toBeUndefined();
  });

  it("a subtree signature, which says 0 for the time, of a size long passed", async () => {
    expect(await rollbackOf(0, 100, 6)).toBeUndefined();
    expect(await rollbackOf(100, 0, 6)).toBeUndefined();
    expect(await rollbackOf(101, 100, 6)).toBeDefined();
  });

  it("other extension lines on the same head, and none of them change an id", async () => {
    const notes = [
      await checkpointOf(honest, 5, [log], { extensions: ["a"] }),
      await checkpointOf(honest, 5, [log], { extensions: ["b"] }),
    ] as const;
    expect(await evidenceFromHeads({ origin: ORIGIN, notes, logKeys })).toBeUndefined();
    const extended = [await checkpointOf(forked, 5, [log], { extensions: ["a"] }), notes[1]] as const;
    const evidence = (await evidenceFromHeads({ origin: ORIGIN, notes: extended, logKeys })) ?? "";
    expect((await verify(evidence)).id).toBe((await verify(file("same-size"))).id);
  });

  it("the word of a proof that merely fails", async () => {
    const notes = [await checkpointOf(honest, 6, [log]), await checkpointOf(honest, 9, [log])] as const;
    const proof = forked.proof(6, 9);
    for (const alternativeRoot of [undefined, forked.root(6), honest.root(6)]) {
      const finding = { proof, ...(alternativeRoot !== undefined && { alternativeRoot }) };
      expect(await evidenceFromHeads({ origin: ORIGIN, notes, logKeys, ...finding })).toBeUndefined();
    }
  });

  it("two logs of two origins", async () => {
    const notes = [
      await checkpointOf(honest, 5, [log]),
      await checkpointOf(forked, 5, [log], { origin: "other.example" }),
    ] as const;
    expect(await evidenceFromHeads({ origin: ORIGIN, notes, logKeys })).toBeUndefined();
  });
});

describe("building", () => {
  it("keeps the signatures somebody given can verify, and no others", async () => {
    const stranger = await testSigner("stranger.example", 4, 6);
    const at = (tree: typeof honest) => checkpointOf(tree, 5, [stranger, witness, log]);
    const notes = [await at(honest), await at(forked)] as const;
    const names = (evidence: string | undefined) =>
      parseForkEvidence(evidence ?? "").notes.map((note) =>
        parseNote(note).signatures.map(({ name }) => name),
      );
    expect(names(await evidenceFromHeads({ origin: ORIGIN, notes, logKeys }))).toEqual([[ORIGIN], [ORIGIN]]);
    const against = await witnessEvidence({ origin: ORIGIN, notes, logKeys, witnessKey });
    expect(names(against)).toEqual([
      [WITNESS, ORIGIN],
      [WITNESS, ORIGIN],
    ]);
  });

  it("drops a known key's line that does not verify", async () => {
    const signed = new TextDecoder().decode(await checkpointOf(honest, 5, [log, witness]));
    const [, text = "", lines = ""] = /^([\s\S]*\n)\n([\s\S]*)$/.exec(signed) ?? [];
    const broken = encodeUtf8(
      `${text}\n${lines.replace(/(— witness.example \S{30})./, "$1_").replace("_", "A")}`,
    );
    const notes = [broken, await checkpointOf(forked, 5, [log, witness])] as const;
    expect(await evidenceFromHeads({ origin: ORIGIN, notes, logKeys })).toBeDefined();
    expect(await witnessEvidence({ origin: ORIGIN, notes, witnessKey })).toBeUndefined();
  });

  it("takes the smaller root out of a proof that holds it", async () => {
    const notes = [await checkpointOf(honest, 6, [log]), await checkpointOf(forked, 9, [log])] as const;
    const evidence = await evidenceFromHeads({ origin: ORIGIN, notes, logKeys, proof: forked.proof(6, 9) });
    expect(evidenceId(parseForkEvidence(evidence ?? ""))).toBe(
      evidenceId(parseForkEvidence(file("cross-size"))),
    );
    // A proof from a power of two leaves it out.
    const from4 = [await checkpointOf(honest, 4, [log]), notes[1]] as const;
    const proof = forked.proof(4, 9);
    expect(await evidenceFromHeads({ origin: ORIGIN, notes: from4, logKeys, proof })).toBeUndefined();
    const alternativeRoot = forked.root(4);
    expect(
      await evidenceFromHeads({ origin: ORIGIN, notes: from4, logKeys, proof, alternativeRoot }),
    ).toBeDefined();
  });

  it("names no witness that is named as the log is, nor a key that signs notes only", async () => {
    const notes = [await checkpointOf(honest, 5, [log]), await checkpointOf(forked, 5, [log])] as const;
    for (const witnessKey of [log.verifierKey, namedAsLog.verifierKey]) {
      expect(await witnessEvidence({ origin: ORIGIN, notes, witnessKey })).toBeUndefined();
    }
  });
});
