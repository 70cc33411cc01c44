import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { TlogError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { IMMUTABLE, READ_HEADERS } from "./headers.ts";
import { decimalParameter, refuseInvalid } from "./parameters.ts";
import type { HttpEnv } from "./path.ts";
import { HashHex, HashList, PROBLEM_ANSWERS } from "./schemas.ts";

/** `GET /proof/inclusion` and `GET /proof/consistency`. A proof between given sizes never changes. RFC 6962 §2.1 */
export function proofRoutes(log: Log): OpenAPIHono<HttpEnv> {
  return new OpenAPIHono<HttpEnv>({ defaultHook: refuseInvalid })
    .openapi(inclusionRoute, async (c) => {
      const { leafIndex, treeSize } = c.req.valid("query");
      assertPublishedSize(log, "treeSize", treeSize);
      if (leafIndex >= treeSize) {
        throw new TlogError(
          "PARAMETER_INVALID",
          `leafIndex: want below treeSize ${treeSize}, got ${leafIndex}`,
        );
      }
      const proof = await log.proveInclusion({ leafIndex, treeSize });
      const rootHash = encodeHex(await log.rootAt(treeSize));
      return c.json({ leafIndex, treeSize, rootHash, proof: proof.map(encodeHex) }, 200, PROOF_HEADERS);
    })
    .openapi(consistencyRoute, async (c) => {
      const { from: fromSize, to: toSize } = c.req.valid("query");
      assertPublishedSize(log, "to", toSize);
      if (fromSize > toSize) {
        throw new TlogError("PARAMETER_INVALID", `from: want at most to ${toSize}, got ${fromSize}`);
      }
      const proof = (await log.proveConsistency({ fromSize, toSize })).map(encodeHex);
      const fromRoot = encodeHex(await log.rootAt(fromSize));
      const toRoot = encodeHex(await log.rootAt(toSize));
      return c.json({ fromSize, fromRoot, toSize, toRoot, proof }, 200, PROOF_HEADERS);
    });
}

const PROOF_HEADERS = { ...READ_HEADERS, "Cache-Control": IMMUTABLE } as const;

function assertPublishedSize(log: Log, name: string, treeSize: number): void {
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
