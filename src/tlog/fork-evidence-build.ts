/**
 * Making fork evidence from what somebody holds: of the kinds that hold, the simplest; undefined when none does. The file is the same
 * statement whoever makes it, in whichever order the two sides are given.  spec/fork-evidence.md, making
 */
import { TlogError } from "../errors.ts";
import { fromRootOfConsistency } from "../merkle/consistency.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint-body.ts";
import { decodeUtf8 } from "./encoding.ts";
import { assertContradiction, assertWentBack } from "./fork-evidence-check.ts";
import { verifiedLines } from "./fork-evidence-lines.ts";
import { type Contradiction, headOrder, type ProvenLeaf } from "./fork-evidence-statement.ts";
import { formatForkEvidence } from "./fork-evidence-text.ts";
import { ED25519, keyLabel, type MlDsaOptions, type VerifierKey } from "./key.ts";
import { formatNote, type Note, parseNote, type VerifiedSignature } from "./note.ts";
import { parseTlogProof } from "./proof.ts";

/** What may lie beside two heads of different sizes. */
export interface ConsistencyFinding {
  /** RFC 6962 §2.1.2, from the smaller size to the larger; it leads to the larger root, but not from the smaller. */
  readonly proof?: readonly Uint8Array[];
  /** What it leads from; may be left out where it follows from the proof: the smaller size is no power of two. */
  readonly alternativeRoot?: Uint8Array;
}

/** One index, the leaf there in the tree of the first note and in that of the second. */
export interface LeafFinding {
  readonly leafIndex: number;
  readonly leaves: readonly [ProvenLeaf, ProvenLeaf];
}

type TwoNotes = readonly [Uint8Array, Uint8Array];

/**
 * Evidence against a log from two of its signed heads: impossible, same-size or cross-size.
 * @param args.logKeys - the keys of the log `origin`, whatever their names.
 * @returns the file; undefined when this convicts nobody.
 * @throws {TlogError} NOTE_MALFORMED | CHECKPOINT_MALFORMED | NUMBER_TOO_LARGE
 */
export function evidenceFromHeads(
  args: ConsistencyFinding &
    MlDsaOptions & {
      readonly origin: string;
      readonly notes: TwoNotes;
      readonly logKeys: readonly VerifierKey[];
    },
): Promise<string | undefined> {
  return build({ ...args, witness: undefined });
}

/**
 * Evidence against a log from two receipts (c2sp.org/tlog-proof): impossible or same-size, or leaf when both are of one index.
 * @param args.leafHashes - what each receipt is for; without them no leaf is compared.
 * @param args.origin - the log; by default what the first receipt says, and then only keys of this name count.
 * @returns the file; undefined when this convicts nobody.
 * @throws {TlogError} RECEIPT_MALFORMED | NOTE_MALFORMED | CHECKPOINT_MALFORMED | NUMBER_TOO_LARGE
 */
export async function evidenceFromReceipts(
  args: MlDsaOptions & {
    readonly receipts: readonly [string | Uint8Array, string | Uint8Array];
    readonly leafHashes?: TwoNotes;
    readonly logKeys: readonly VerifierKey[];
    readonly origin?: string;
  },
): Promise<string | undefined> {
  const [first, second] = [parseTlogProof(args.receipts[0]), parseTlogProof(args.receipts[1])];
  const notes = [first.checkpoint, second.checkpoint] as const;
  const origin = args.origin ?? openHead(first.checkpoint).origin;
  const logKeys = args.logKeys.filter(({ name }) => args.origin !== undefined || name === origin);
  const { leafHashes, ...rest } = args;
  if (leafHashes === undefined || first.leafIndex !== second.leafIndex) {
    return build({ ...rest, origin, notes, logKeys, witness: undefined });
  }
  const leaves = [
    { leafHash: leafHashes[0], proof: first.proof },
    { leafHash: leafHashes[1], proof: second.proof },
  ] as const;
  return build({
    ...rest,
    origin,
    notes,
    logKeys,
    leaf: { leafIndex: first.leafIndex, leaves },
    witness: undefined,
  });
}

/**
 * Evidence against a witness from two heads it cosigned: equivocation, by any of the kinds that convict a log, or else rollback.
 * @param args.logKeys - of the log, so that its signatures are kept too.
 * @returns the file; undefined when this convicts nobody.
 * @throws {TlogError} NOTE_MALFORMED | CHECKPOINT_MALFORMED | NUMBER_TOO_LARGE
 */
export function witnessEvidence(
  args: ConsistencyFinding &
    MlDsaOptions & {
      readonly origin: string;
      readonly notes: TwoNotes;
      readonly leaf?: LeafFinding;
      readonly witnessKey: VerifierKey;
      readonly logKeys?: readonly VerifierKey[];
    },
): Promise<string | undefined> {
  return build({ ...args, logKeys: args.logKeys ?? [], witness: args.witnessKey });
}

interface Found extends ConsistencyFinding, MlDsaOptions {
  readonly origin: string;
  readonly notes: TwoNotes;
  readonly leaf?: LeafFinding | undefined;
  readonly logKeys: readonly VerifierKey[];
  readonly witness: VerifierKey | undefined;
}

/** A head, and the note that says it. */
interface OpenedHead extends Checkpoint {
  readonly note: Note;
}

async function build(found: Found): Promise<string | undefined> {
  const { origin, witness, logKeys } = found;
  if (witness !== undefined && (witness.name === origin || witness.type === ED25519)) return undefined;
  const heads = found.notes.map(openHead).filter((head) => head.origin === origin);
  for (const { contradiction, from } of candidates(heads, found)) {
    if (!holds(() => assertContradiction(contradiction))) continue;
    const signed = await Promise.all(from.map(({ note }) => keepVerified(note, found)));
    const isByAccused = isByOneOf(witness === undefined ? logKeys : [witness]);
    const ofAccused = signed.map(({ verified }) => verified.filter(isByAccused));
    if (ofAccused.some((signatures) => signatures.length === 0)) continue;
    if (contradiction.shape === "rollback" && !holds(() => assertWentBack(ofAccused.flat()))) continue;
    const notes = signed.map(({ note }) => formatNote(note));
    return formatForkEvidence({ origin, witness, contradiction, notes });
  }
  return undefined;
}

/** What the heads may contradict, the simplest kind first. */
function candidates(
  heads: readonly OpenedHead[],
  found: Found,
): readonly { readonly contradiction: Contradiction; readonly from: readonly OpenedHead[] }[] {
  const from = [...heads].sort(headOrder);
  const [smaller, larger] = from;
  const impossible = from.map((head) => ({
    contradiction: { shape: "impossible", heads: [head] } as const,
    from: [head],
  }));
  if (smaller === undefined || larger === undefined) return impossible;
  const pair = [smaller, larger] as const;
  const shapes: readonly (Contradiction | undefined)[] = [
    { shape: "same-size", heads: pair },
    crossSize(pair, found),
    leafFork(pair, heads[0] === smaller, found.leaf),
    found.witness === undefined ? undefined : { shape: "rollback", heads: pair },
  ];
  const between = shapes.flatMap((contradiction) =>
    contradiction === undefined ? [] : [{ contradiction, from: pair }],
  );
  return [...impossible, ...between];
}

function crossSize(
  heads: readonly [OpenedHead, OpenedHead],
  { proof, alternativeRoot }: ConsistencyFinding,
): Contradiction | undefined {
  if (proof === undefined) return undefined;
  const [{ treeSize: fromSize }, { treeSize: toSize, rootHash: toRoot }] = heads;
  const root = alternativeRoot ?? fromRootOf({ fromSize, toSize, toRoot, proof });
  return root === undefined ? undefined : { shape: "cross-size", heads, alternativeRoot: root, proof };
}

function leafFork(
  heads: readonly [OpenedHead, OpenedHead],
  isInOrder: boolean,
  leaf: LeafFinding | undefined,
): Contradiction | undefined {
  if (leaf === undefined) return undefined;
  const [first, second] = leaf.leaves;
  const leaves = isInOrder ? leaf.leaves : ([second, first] as const);
  return { shape: "leaf", heads, leafIndex: leaf.leafIndex, leaves };
}

function fromRootOf(args: Parameters<typeof fromRootOfConsistency>[0]): Uint8Array | undefined {
  try {
    return fromRootOfConsistency(args);
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

function openHead(signedNote: Uint8Array): OpenedHead {
  const note = parseNote(signedNote);
  return { ...parseCheckpoint(decodeUtf8(note.text)), note };
}

/** The note with only those lines that known keys made. */
async function keepVerified(
  note: Note,
  found: Found,
): Promise<{ readonly note: Note; readonly verified: readonly VerifiedSignature[] }> {
  const keys = [...found.logKeys, ...(found.witness === undefined ? [] : [found.witness])];
  const verified = await verifiedLines(note, keys, found);
  return { note: { ...note, signatures: verified.map(({ signature }) => signature) }, verified };
}

function isByOneOf(keys: readonly VerifierKey[]): (signature: VerifiedSignature) => boolean {
  const labels = new Set(keys.map(keyLabel));
  return ({ verifierKey }) => labels.has(keyLabel(verifierKey));
}

function holds(assertion: () => void): boolean {
  try {
    assertion();
    return true;
  } catch (error) {
    if (error instanceof TlogError) return false;
    throw error;
  }
}
