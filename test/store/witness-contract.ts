/** What the parts of the contract of a witness's storage share. */
import type {
  CosignedHead,
  CosignedRow,
  HeadUpdate,
  StoredEvidence,
  WitnessStore,
} from "../../src/store/witness-store.ts";
import { bytesOf, hashNamed } from "./model.ts";

export const NAME = "witness.example";
export const LOG = "log.example/a";

/** Opens the test's disk; the store is closed after the test. */
export type OpenWitness = (name?: string) => Promise<WitnessStore>;

/** The head of a size in the one history all tests tell. */
export function headAt(treeSize: number, timestampSeconds: number, root = `root ${treeSize}`): CosignedHead {
  return {
    treeSize,
    rootHash: hashNamed(root),
    timestampSeconds,
    signedNote: bytesOf(`note ${treeSize} at ${timestampSeconds}`),
  };
}

export function noteOf(treeSize: number): Uint8Array {
  return bytesOf(`log note ${treeSize}`);
}

/** The update from one head to another; with the log's note when the size changes. */
export function step(expected: CosignedHead | undefined, next: CosignedHead, origin = LOG): HeadUpdate {
  const logNote = expected?.treeSize === next.treeSize ? undefined : noteOf(next.treeSize);
  return { origin, expected, next, logNote };
}

/** Commits the heads one after the other. */
export async function tell(store: WitnessStore, heads: readonly CosignedHead[], origin = LOG): Promise<void> {
  let held = await store.head(origin);
  for (const head of heads) {
    const [applied] = await store.commit([step(held, head, origin)]);
    if (applied !== true) throw new Error("the update was not applied");
    held = head;
  }
}

export async function allRows(
  store: Pick<WitnessStore, "rows">,
  origin = LOG,
): Promise<readonly CosignedRow[]> {
  const rows: CosignedRow[] = [];
  for (;;) {
    const after = rows.at(-1);
    const range = { fromSize: 0, toSize: Number.MAX_SAFE_INTEGER, limit: 1000 };
    const more = await store.rows(origin, after === undefined ? range : { ...range, after });
    if (more.length === 0) return rows;
    rows.push(...more);
  }
}

/** What is held about a log, files included. */
export async function allEvidence(
  store: Pick<WitnessStore, "evidence" | "evidenceFile">,
  origin = LOG,
): Promise<readonly StoredEvidence[]> {
  const held: StoredEvidence[] = [];
  for (const entry of await store.evidence(origin)) {
    const evidence = await store.evidenceFile(origin, entry.id);
    if (evidence === undefined) throw new Error(`evidence ${entry.id} has no file`);
    held.push({ ...entry, evidence });
  }
  return held;
}

/** "size@time", with a star where the row holds a note. */
export function spelled(rows: readonly CosignedRow[]): readonly string[] {
  return rows.map(
    ({ treeSize, timestampSeconds, logNote }) =>
      `${treeSize}@${timestampSeconds}${logNote === undefined ? "" : "*"}`,
  );
}

export function evidenceNamed(name: string, convictsLog = true, origin = LOG): StoredEvidence {
  return {
    id: Buffer.from(hashNamed(name)).toString("hex"),
    origin,
    kind: convictsLog ? "same-size" : "witness-rollback",
    convictsLog,
    evidence: bytesOf(`evidence ${name}`),
    receivedAtSeconds: 1_700_000_000,
  };
}
