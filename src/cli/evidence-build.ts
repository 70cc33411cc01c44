import { openFetcher } from "../../client/fetcher.ts";
import { readConsistency } from "../../client/proofs.ts";
import { memoryTiles } from "../../client/tile-cache.ts";
import { openTileSource } from "../../client/tile-source.ts";
import { TlogError } from "../errors.ts";
import { leafHash } from "../merkle/hash.ts";
import { parseCheckpoint } from "../tlog/checkpoint.ts";
import { decodeUtf8, encodeUtf8 } from "../tlog/encoding.ts";
import { MAX_ENTRY_BYTES } from "../tlog/entry-bundle.ts";
import { evidenceId, parseForkEvidence } from "../tlog/fork-evidence.ts";
import {
  type ConsistencyFinding,
  evidenceFromHeads,
  type LeafFinding,
  witnessEvidence,
} from "../tlog/fork-evidence-build.ts";
import { parseNote } from "../tlog/note.ts";
import { MAX_RECEIPT_BYTES, parseTlogProof } from "../tlog/proof.ts";
import { addExamples, addSettings, type Call, type CommandDefinition, textFlag } from "./command.ts";
import { parseLeafHash } from "./entry-argument.ts";
import { addEvidenceKeys, keysFlag, repeatable, textsFlag } from "./evidence-keys.ts";
import { readSmallFile, replaceFile } from "./files.ts";

/** `evidence build`: makes fork evidence of two files that should not both exist. */
export const evidenceBuild: CommandDefinition = {
  define(command) {
    command.argument("<a>", "a checkpoint or a receipt").argument("<b>", "another one");
    addEvidenceKeys(command);
    command
      .addOption(repeatable("--entry <FILE>", "for receipts of one index: the entry of A, then that of B"))
      .addOption(repeatable("--leaf-hash <HEX>", "the same by leaf hashes, SHA-256(0x00 || entry)"))
      .option("--log <URL>", "for two sizes: where the tree of the larger is served")
      .option("--out <FILE>", "save it here; .tlog-evidence is the usual ending");
    addSettings(command, ["timeout"]);
    addExamples(command, [
      "bristlecone evidence build mine.checkpoint theirs.checkpoint --log-key VKEY --out fork.tlog-evidence",
      "bristlecone evidence build a.tlog-proof b.tlog-proof --log-key VKEY --entry a.txt --entry b.txt",
    ]);
  },
  async run(call) {
    const [a, b] = [await readSide(call, 0), await readSide(call, 1)];
    const evidence = await build(call, a, b);
    if (evidence === undefined) {
      throw new TlogError("EVIDENCE_INVALID", `NO EVIDENCE: ${whyNot(call, a, b)}`);
    }
    const out = textFlag(call.flags, "out");
    if (out === undefined) {
      // As it is: its lengths and its id count bytes.
      const { isJson, bytes, result } = call.output;
      return isJson ? result({ text: "", json: { evidence } }) : bytes(encodeUtf8(evidence));
    }
    await replaceFile(out, evidence);
    const id = evidenceId(parseForkEvidence(evidence));
    await call.output.result({ text: `saved to     ${out}\nevidence     ${id}`, json: { id, file: out } });
  },
};

/** One of the two files: a checkpoint, or a receipt with the one it holds. */
interface Side {
  readonly note: Uint8Array;
  readonly origin: string;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly leaf: { readonly leafIndex: number; readonly proof: readonly Uint8Array[] } | undefined;
}

async function readSide({ args, stdin }: Call, at: 0 | 1): Promise<Side> {
  const path = args[at] ?? "-";
  const bytes = await readSmallFile(path, {
    maxBytes: MAX_RECEIPT_BYTES,
    tooLarge: "NOTE_MALFORMED",
    stdin,
  });
  try {
    const isReceipt = decodeUtf8(bytes).startsWith("c2sp.org/tlog-proof@");
    const leaf = isReceipt ? parseTlogProof(bytes) : undefined;
    const note = leaf?.checkpoint ?? bytes;
    const { origin, treeSize, rootHash } = parseCheckpoint(decodeUtf8(parseNote(note).text));
    return { note, origin, treeSize, rootHash, leaf };
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError(cause.code, `${path}: ${cause.message}`, { cause });
  }
}

async function build(call: Call, a: Side, b: Side): Promise<string | undefined> {
  const named = textFlag(call.flags, "origin");
  const origin = named ?? a.origin;
  const logKeys = keysFlag(call.flags, "logKey").filter(({ name }) => named !== undefined || name === origin);
  const [witnessKey, another] = keysFlag(call.flags, "witnessKey");
  if (another !== undefined)
    throw new TlogError("USAGE", "want one --witness-key: evidence accuses one witness");
  if (logKeys.length === 0 && witnessKey === undefined) {
    throw new TlogError(
      "USAGE",
      `want --log-key VKEY of the log ${JSON.stringify(origin)}, or --witness-key VKEY`,
    );
  }
  const leaf = await leafFinding(call, a, b);
  const found = { origin, notes: [a.note, b.note] as const, logKeys, ...(leaf !== undefined && { leaf }) };
  const make = (finding: ConsistencyFinding) =>
    witnessKey === undefined
      ? evidenceFromHeads({ ...found, ...finding })
      : witnessEvidence({ ...found, ...finding, witnessKey });
  // The log is asked only where the files alone are not enough, and for a witness's going back they may be.
  const offline = await make({});
  if (offline !== undefined && textFlag(call.flags, "log") === undefined) return offline;
  return (await make(await consistencyFinding(call, a, b))) ?? offline;
}

async function leafFinding(call: Call, a: Side, b: Side): Promise<LeafFinding | undefined> {
  const hashes = await leafHashes(call);
  if (hashes.length === 0) return undefined;
  const [ofA, ofB] = hashes;
  if (
    ofA === undefined ||
    ofB === undefined ||
    hashes.length > 2 ||
    a.leaf === undefined ||
    b.leaf === undefined
  ) {
    throw new TlogError("USAGE", "want two receipts, and --entry FILE or --leaf-hash HEX twice");
  }
  if (a.leaf.leafIndex !== b.leaf.leafIndex) return undefined;
  const leaves = [
    { leafHash: ofA, proof: a.leaf.proof },
    { leafHash: ofB, proof: b.leaf.proof },
  ] as const;
  return { leafIndex: a.leaf.leafIndex, leaves };
}

async function leafHashes({ flags }: Call): Promise<readonly Uint8Array[]> {
  const files = textsFlag(flags, "entry");
  const hashes = textsFlag(flags, "leafHash");
  if (files.length > 0 && hashes.length > 0)
    throw new TlogError("USAGE", "want --entry or --leaf-hash, not both");
  const limits = { maxBytes: MAX_ENTRY_BYTES, tooLarge: "ENTRY_TOO_LARGE" } as const;
  const entries = await Promise.all(files.map((path) => readSmallFile(path, limits)));
  return [...entries.map(leafHash), ...hashes.map(parseLeafHash)];
}

/** Read from tiles that are verified against the larger head, so whoever serves them cannot frame anybody. */
async function consistencyFinding(call: Call, a: Side, b: Side): Promise<ConsistencyFinding> {
  const url = textFlag(call.flags, "log");
  const [smaller, larger] = a.treeSize <= b.treeSize ? [a, b] : [b, a];
  if (url === undefined || smaller.treeSize === 0 || smaller.treeSize === larger.treeSize) return {};
  const { origin, treeSize } = larger;
  const timeoutMs = (await call.config()).value("timeout") * 1000;
  const tiles = openTileSource({ origin, fetcher: openFetcher(url, { timeoutMs }), cache: memoryTiles() });
  const { fromRoot, proof } = await readConsistency(
    { tiles, head: larger, signal: call.signal },
    { fromSize: smaller.treeSize, toSize: treeSize },
  );
  return { alternativeRoot: fromRoot, proof };
}

function whyNot({ flags }: Call, a: Side, b: Side): string {
  if (a.origin !== b.origin) return `${a.origin} and ${b.origin} are two logs`;
  const isUnproven = a.treeSize !== b.treeSize && textFlag(flags, "log") === undefined;
  if (isUnproven)
    return "the sizes differ: want --log URL, where the tree of the larger is served, or two receipts of one index";
  return "they do not contradict each other, or the given keys did not sign both";
}
