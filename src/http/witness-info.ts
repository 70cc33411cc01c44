import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { MAX_ADD_CHECKPOINT_BYTES } from "../tlog/add-checkpoint.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { MAX_EVIDENCE_BYTES } from "../tlog/fork-evidence.ts";
import { formatVerifierKey } from "../tlog/key.ts";
import { originHash } from "../tlog/origin-hash.ts";
import type { Witness, WitnessedLogState } from "../witness/witness.ts";
import { READ_HEADERS, SHORT_LIVED } from "./headers.ts";
import { refuseInvalid } from "./parameters.ts";
import type { HttpEnv } from "./path.ts";
import { HashHex, PROBLEM_ANSWERS } from "./schemas.ts";
import { evidencePath } from "./witness-paths.ts";

/** How old the states shown may be: reading those of thousands of logs for every request would cost more than it tells. */
const MAX_AGE_MS = 1000;

export interface WitnessInfoOptions {
  readonly version: string;
  readonly maxLogsPerPage: number;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
}

/** `GET /witness.json`: name, keys and limits of a witness, and how far it is with which logs. */
export function witnessInfoRoutes(witness: Witness, options: WitnessInfoOptions): OpenAPIHono<HttpEnv> {
  const logs = recentLogs(witness, options.now);
  return new OpenAPIHono<HttpEnv>({ defaultHook: refuseInvalid }).openapi(witnessInfoRoute, async (c) => {
    const { after = "" } = c.req.valid("query");
    const all = await logs();
    const following = all.filter((one) => one.originHash > after);
    const page = following.slice(0, options.maxLogsPerPage);
    const isLast = page.length === following.length;
    const info: z.infer<typeof WitnessInfo> = {
      name: witness.name,
      vkeys: [...witness.vkeys],
      version: options.version,
      limits: { maxRequestBytes: MAX_ADD_CHECKPOINT_BYTES, maxEvidenceBytes: MAX_EVIDENCE_BYTES },
      logCount: all.length,
      logs: page.map((one) => logInfo(one.originHash, one.state)),
      ...(isLast ? {} : { next: `witness.json?after=${page.at(-1)?.originHash}` }),
    };
    return c.json(info, 200, { ...READ_HEADERS, "Cache-Control": SHORT_LIVED });
  });
}

interface HashedState {
  readonly originHash: string;
  readonly state: WitnessedLogState;
}

/** All logs by the hash of their origin, read once for all who ask within a second. */
function recentLogs(witness: Witness, now: () => number): () => Promise<readonly HashedState[]> {
  let read: Promise<readonly HashedState[]> | undefined; // owned by the returned function
  let readAtMs = 0; // owned by the returned function
  return async () => {
    if (read !== undefined && now() - readAtMs < MAX_AGE_MS) return await read;
    readAtMs = now();
    const reading = witness.logs().then(sortedByHash);
    read = reading;
    reading.catch(() => {
      if (read === reading) read = undefined;
    });
    return await reading;
  };
}

function sortedByHash(states: readonly WitnessedLogState[]): readonly HashedState[] {
  return states
    .map((state) => ({ originHash: originHash(state.log.origin), state }))
    .sort((a, b) => (a.originHash < b.originHash ? -1 : 1));
}

function logInfo(hash: string, { log, head, frozenBy }: WitnessedLogState): z.infer<typeof LogState> {
  return {
    origin: log.origin,
    originHash: hash,
    vkeys: log.logKeys.map(formatVerifierKey),
    urls: [...log.urls],
    ...(log.queriesPerDay === undefined ? {} : { queriesPerDay: log.queriesPerDay }),
    ...(log.isDisabled ? { disabled: true as const } : {}),
    ...(head === undefined
      ? {}
      : {
          treeSize: head.treeSize,
          rootHash: encodeHex(head.rootHash),
          timestampSeconds: head.timestampSeconds,
          checkpoint: `${hash}/checkpoint`,
        }),
    ...(frozenBy === undefined
      ? {}
      : { frozenBy: { id: frozenBy, evidence: evidencePath({ originHash: hash, evidenceId: frozenBy }) } }),
  };
}

const LogState = z
  .object({
    origin: z.string().openapi({ example: "example.com/log" }),
    originHash: HashHex.openapi({ description: "SHA-256 of the origin." }),
    vkeys: z.array(z.string()).openapi({ description: "The log's keys; a signature of one suffices." }),
    urls: z
      .array(z.string())
      .openapi({ description: "Where the witness reads the log; empty when it is only sent." }),
    queriesPerDay: z.int().optional().openapi({ description: "Most new heads a day that are cosigned." }),
    disabled: z.literal(true).optional().openapi({ description: "The operator stopped it." }),
    treeSize: z
      .int()
      .optional()
      .openapi({ description: "Of the newest head cosigned; absent before the first." }),
    rootHash: HashHex.optional(),
    timestampSeconds: z.int().optional().openapi({ description: "Of the newest cosignature." }),
    checkpoint: z.string().optional().openapi({ description: "Where it is, relative to this answer." }),
    frozenBy: z.object({ id: HashHex, evidence: z.string() }).optional().openapi({
      description: "The evidence that ended cosigning, and where it is, relative to this answer.",
    }),
  })
  .openapi("WitnessedLog");

const WitnessInfo = z
  .object({
    name: z.string().openapi({ example: "witness.example/w1" }),
    vkeys: z.array(z.string()).openapi({
      description:
        "Verifier keys, c2sp.org/signed-note; the Ed25519 one first. Trust them only as far as you trust this answer.",
    }),
    version: z.string().openapi({ description: "Of the server program." }),
    limits: z.object({ maxRequestBytes: z.int(), maxEvidenceBytes: z.int() }),
    logCount: z.int().openapi({ description: "On all pages." }),
    logs: z.array(LogState).openapi({ description: "By originHash; at most a page of them." }),
    next: z.string().optional().openapi({ description: "The next page, relative to this answer." }),
  })
  .openapi("WitnessInfo");

export const witnessInfoRoute = createRoute({
  method: "get",
  path: "/witness.json",
  summary: "Name and keys of the witness, and its logs",
  request: {
    query: z.strictObject({
      after: HashHex.optional().openapi({ description: "Logs whose originHash comes after this one." }),
    }),
  },
  responses: {
    200: { description: "About this witness.", content: { "application/json": { schema: WitnessInfo } } },
    400: PROBLEM_ANSWERS[400],
  },
});
