import { checkpointVectors } from "./checkpoints.ts";
import { conformanceLogVectors } from "./conformance-log.ts";
import { conformanceWitnessVectors } from "./conformance-witness.ts";
import { ed25519Vectors } from "./ed25519.ts";
import { forkEvidenceVectors } from "./fork-evidence.ts";
import { merkleBatchVectors } from "./merkle-batches.ts";
import { merkleProofVectors } from "./merkle-proofs.ts";
import { merkleRootVectors } from "./merkle-roots.ts";
import { noteVectors } from "./notes.ts";
import { policyVectors } from "./policies.ts";
import { tileVectors } from "./tiles.ts";
import type { VectorClass, VectorFile } from "./vector-file.ts";
import { witnessRequestVectors } from "./witness-requests.ts";

/** Every class of vectors; each is a module of this folder. */
const CLASSES: readonly VectorClass[] = [
  merkleRootVectors,
  merkleProofVectors,
  merkleBatchVectors,
  tileVectors,
  ed25519Vectors,
  noteVectors,
  policyVectors,
  checkpointVectors,
  witnessRequestVectors,
  forkEvidenceVectors,
  conformanceLogVectors,
  conformanceWitnessVectors,
];

/** The contents of spec/vectors, by file name. */
export async function makeVectorFiles(): Promise<ReadonlyMap<string, string>> {
  const files = (await Promise.all(CLASSES.map(async (make) => await make()))).flat();
  return new Map(files.map((file) => [`${file.name}.json`, render(file)]));
}

function render({ description, shared, cases }: VectorFile): string {
  const names = new Set(cases.map(({ name }) => name));
  if (names.size !== cases.length) throw new Error(`two cases of one name: ${description}`);
  return `${JSON.stringify({ description, ...shared, cases }, null, 1)}\n`;
}
