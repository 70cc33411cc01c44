import { createRoute, z } from "@hono/zod-openapi";
import { TlogError } from "../errors.ts";
import type { LogView } from "../log/log.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { concurrencyLimit } from "./concurrency-limit.ts";
import type { Exchange, HotRoute } from "./exchange.ts";
import { IMMUTABLE, READ_HEADERS } from "./headers.ts";
import { jsonAnswer } from "./json-answer.ts";
import { decimalParameter, parseDecimalParameter, parseQuery, parseQueryNumbers } from "./parameters.ts";
import { HashHex, HashList, PROBLEM_ANSWERS } from "./schemas.ts";

type ProvingLog = Pick<
  LogView,
  "readableSize" | "proveInclusion" | "proveInclusionBatch" | "proveConsistency" | "rootAt"
>;

/** Leaves of one batch proof. Their indices fit into a request's headers up to 15 digits. */
const MAX_BATCH_LEAVES = 1000;
/** Batch proofs being made at the same time. They share what is left of the event loop, and each holds up to some megabytes. */
const MAX_BATCHES = 8;

/** `GET /proof/inclusion`, `/proof/inclusion-batch` and `/proof/consistency`. A proof between given sizes never changes. RFC 6962 §2.1 */
export function proofRoutes(log: ProvingLog): readonly HotRoute[] {
  const limited = concurrencyLimit(MAX_BATCHES);
  return [
    { method: "GET", path: "/proof/inclusion", handle: (exchange) => inclusionAnswer(log, exchange) },
    {
      method: "GET",
      path: "/proof/inclusion-batch",
      handle: (exchange) => limited(() => batchAnswer(log, exchange)),
    },
    { method: "GET", path: "/proof/consistency", handle: (exchange) => consistencyAnswer(log, exchange) },
  ];
}

async function inclusionAnswer(log: ProvingLog, { query }: Exchange) {
  const [leafIndex, treeSize] = parseQueryNumbers(query, ["leafIndex", "treeSize"]);
  assertPublishedSize(log, "treeSize", treeSize);
  if (leafIndex >= treeSize) {
    throw new TlogError("PARAMETER_INVALID", `leafIndex: want below treeSize ${treeSize}, got ${leafIndex}`);
  }
  const proof = await log.proveInclusion({ leafIndex, treeSize });
  const [rootHash = "", ...hashes] = hexOfEach([await log.rootAt(treeSize), ...proof]);
  return jsonAnswer(
    `{"leafIndex":${leafIndex},"treeSize":${treeSize},"rootHash":"${rootHash}","proof":${hexList(hashes)}}`,
    PROOF_HEADERS,
  );
}

async function batchAnswer(log: ProvingLog, { query }: Exchange) {
  const [list, size] = parseQuery(query, ["leafIndices", "treeSize"]);
  const treeSize = parseDecimalParameter("treeSize", size);
  const leafIndices = parseLeafIndices(list);
  assertPublishedSize(log, "treeSize", treeSize);
  const last = leafIndices.at(-1) ?? 0;
  if (last >= treeSize) {
    throw new TlogError("PARAMETER_INVALID", `leafIndices: want below treeSize ${treeSize}, got ${last}`);
  }
  const proof = await log.proveInclusionBatch({ leafIndices, treeSize });
  const [rootHash = "", ...hashes] = hexOfEach([await log.rootAt(treeSize), ...proof]);
  return jsonAnswer(
    `{"treeSize":${treeSize},"leafIndices":[${leafIndices.join(",")}],"rootHash":"${rootHash}","proof":${hexList(hashes)}}`,
    PROOF_HEADERS,
  );
}

function parseLeafIndices(list: string): readonly number[] {
  const items = list.split(",", MAX_BATCH_LEAVES + 1);
  if (items.length > MAX_BATCH_LEAVES) {
    throw new TlogError("PARAMETER_INVALID", `leafIndices: want at most ${MAX_BATCH_LEAVES}`);
  }
  const indices = items.map((item) => parseDecimalParameter("leafIndices", item));
  if (indices.every((index, at) => at === 0 || index > (indices[at - 1] ?? index))) return indices;
  throw new TlogError("PARAMETER_INVALID", "leafIndices: want them ascending, each once");
}

async function consistencyAnswer(log: ProvingLog, { query }: Exchange) {
  const [fromSize, toSize] = parseQueryNumbers(query, ["from", "to"]);
  assertPublishedSize(log, "to", toSize);
  if (fromSize > toSize) {
    throw new TlogError("PARAMETER_INVALID", `from: want at most to ${toSize}, got ${fromSize}`);
  }
  const proof = await log.proveConsistency({ fromSize, toSize });
  const roots = [await log.rootAt(fromSize), await log.rootAt(toSize)];
  const [fromRoot = "", toRoot = "", ...hashes] = hexOfEach([...roots, ...proof]);
  const sizes = `"fromSize":${fromSize},"fromRoot":"${fromRoot}","toSize":${toSize},"toRoot":"${toRoot}"`;
  return jsonAnswer(`{${sizes},"proof":${hexList(hashes)}}`, PROOF_HEADERS);
}

/** All in one call: one for each hash costs more than the hashes do. */
function hexOfEach(hashes: readonly Uint8Array[]): readonly string[] {
  const digits = Buffer.concat(hashes).toString("hex");
  return hashes.map((_, at) => digits.slice(at * 2 * HASH_BYTES, (at + 1) * 2 * HASH_BYTES));
}

function hexList(hashes: readonly string[]): string {
  return hashes.length === 0 ? "[]" : `["${hashes.join('","')}"]`;
}

const PROOF_HEADERS = { ...READ_HEADERS, "Cache-Control": IMMUTABLE } as const;

function assertPublishedSize(log: ProvingLog, name: string, treeSize: number): void {
  if (treeSize <= log.readableSize()) return;
  throw new TlogError("NOT_PUBLISHED", `${name}: want at most ${log.readableSize()}, got ${treeSize}`);
}

const InclusionAnswer = z
  .object({
    leafIndex: z.int().openapi({ example: 17 }),
    treeSize: z.int().openapi({ example: 20_000 }),
    rootHash: HashHex,
    proof: HashList,
  })
  .openapi("InclusionProof");

export const inclusionRoute = createRoute({
  method: "get",
  path: "/proof/inclusion",
  summary: "Prove that the tree of a size contains a leaf",
  request: {
    query: z.strictObject({
      leafIndex: decimalParameter("Below treeSize.", 17),
      treeSize: decimalParameter("Any size up to the largest signed one.", 20_000),
    }),
  },
  responses: {
    200: {
      description: "The RFC 6962 audit path, leaf to root.",
      content: { "application/json": { schema: InclusionAnswer } },
    },
    400: PROBLEM_ANSWERS[400],
    404: PROBLEM_ANSWERS[404],
  },
});

const BatchInclusionAnswer = z
  .object({
    treeSize: z.int().openapi({ example: 20_000 }),
    leafIndices: z.array(z.int()).openapi({ example: [17, 18] }),
    rootHash: HashHex,
    proof: z.array(HashHex).openapi({ description: "spec/batch-proof.md: from left to right, each once." }),
  })
  .openapi("BatchInclusionProof");

export const inclusionBatchRoute = createRoute({
  method: "get",
  path: "/proof/inclusion-batch",
  summary: "Prove that the tree of a size contains many leaves",
  request: {
    query: z.strictObject({
      leafIndices: z.string().openapi({
        description: `Up to ${MAX_BATCH_LEAVES} indices below treeSize with commas between, ascending, each once.`,
        example: "17,18",
      }),
      treeSize: decimalParameter("Any size up to the largest signed one.", 20_000),
    }),
  },
  responses: {
    200: {
      description: "The hashes that lead from all the leaves to the root.",
      content: { "application/json": { schema: BatchInclusionAnswer } },
    },
    400: PROBLEM_ANSWERS[400],
    404: PROBLEM_ANSWERS[404],
    503: PROBLEM_ANSWERS[503],
  },
});

const ConsistencyAnswer = z
  .object({
    fromSize: z.int().openapi({ example: 17 }),
    fromRoot: HashHex,
    toSize: z.int().openapi({ example: 20_000 }),
    toRoot: HashHex,
    proof: HashList,
  })
  .openapi("ConsistencyProof");

export const consistencyRoute = createRoute({
  method: "get",
  path: "/proof/consistency",
  summary: "Prove that one tree is a prefix of another",
  request: {
    query: z.strictObject({
      from: decimalParameter("The smaller size.", 17),
      to: decimalParameter("The larger size, up to the largest signed one.", 20_000),
    }),
  },
  responses: {
    200: {
      description: "The RFC 6962 consistency proof.",
      content: { "application/json": { schema: ConsistencyAnswer } },
    },
    400: PROBLEM_ANSWERS[400],
    404: PROBLEM_ANSWERS[404],
  },
});
