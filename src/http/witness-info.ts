import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { MAX_ADD_CHECKPOINT_BYTES } from "../tlog/add-checkpoint.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { MAX_EVIDENCE_BYTES } from "../tlog/fork-evidence.ts";
import { formatVerifierKey } from "../tlog/key.ts";
import { originHash } from "../tlog/origin-hash.ts";
import type { Roster, Witness, WitnessedLog, WitnessedLogState } from "../witness/witness.ts";
import { READ_HEADERS, SHORT_LIVED } from "./headers.ts";
import { refuseInvalid } from "./parameters.ts";
import type { HttpEnv } from "./path.ts";
import { HashHex, PROBLEM_ANSWERS } from "./schemas.ts";
import { evidencePath } from "./witness-paths.ts";

/** How old the states shown may be: whoever asks for page after page, again and again, has each log read once in this time. */
const MAX_AGE_MS = 5000;

export interface WitnessInfoOptions {
  readonly version: string;
  readonly maxLogsPerPage: number;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
}

/** `GET /witness.json`: name, keys and limits of a witness, and how far it is with which logs. A request reads one page of them. */
export function witnessInfoRoutes(witness: Witness, options: WitnessInfoOptions): OpenAPIHono<HttpEnv> {
  const sorted = logsByHash(witness.roster);
  const infoOf = recentInfo(witness, options.now);
  return new OpenAPIHono<HttpEnv>({ defaultHook: refuseInvalid }).openapi(witnessInfoRoute, async (c) => {
    const { after = "" } = c.req.valid("query");
    const all = sorted();
    const start = firstAbove(all, after);
    const page = all.slice(start, start + options.maxLogsPerPage);
    const isLast = start + page.length === all.length;
    const info: z.infer<typeof WitnessInfo> = {
      name: witness.name,
      vkeys: [...witness.vkeys],
      version: options.version,
      limits: { maxRequestBytes: MAX_ADD_CHECKPOINT_BYTES, maxEvidenceBytes: MAX_EVIDENCE_BYTES },
      logCount: all.length,
      logs: (await Promise.all(page.map(infoOf))).filter((one) => one !== undefined),
      ...(isLast ? {} : { next: `witness.json?after=${page.at(-1)?.hash}` }),
    };
    return c.json(info, 200, { ...READ_HEADERS, "Cache-Control": SHORT_LIVED });
  });
}

interface HashedOrigin {
  readonly hash: string;
  readonly origin: string;
}

/** The logs by the hash of their origin: sorted anew only when the roster is another. */
function logsByHash(roster: Roster): () => readonly HashedOrigin[] {
  let of: readonly WitnessedLog[] | undefined; // owned by the returned function
  let sorted: readonly HashedOrigin[] = []; // owned by the returned function
  return () => {
    const logs = roster.logs();
    if (logs === of) return sorted;
    sorted = logs
      .map(({ origin }) => ({ hash: originHash(origin), origin }))
      .sort((a, b) => (a.hash < b.hash ? -1 : 1));
    of = logs;
    return sorted;
  };
}

/** The index of the first whose hash comes after this one. */
function firstAbove(all: readonly HashedOrigin[], after: string): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((all[middle]?.hash ?? "") > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

type LogInfo = z.infer<typeof LogState>;

/** What is shown of each log, read once in a while for all who ask; undefined when the roster lost it meanwhile. */
function recentInfo(
  witness: Witness,
  now: () => number,
): (log: HashedOrigin) => Promise<LogInfo | undefined> {
  let recent = new Map<string, Promise<LogInfo | undefined>>(); // owned by the returned function
  let sinceMs = now(); // owned by the returned function
  return ({ hash, origin }) => {
    if (now() - sinceMs >= MAX_AGE_MS) {
      recent = new Map();
      sinceMs = now();
    }
    const shown = recent;
    const known = shown.get(hash);
    if (known !== undefined) return known;
    const reading = witness.logState(origin).then((state) => state && logInfo(hash, state));
    shown.set(hash, reading);
    reading.catch(() => shown.delete(hash));
    return reading;
  };
}

function logInfo(hash: string, { log, head, frozenBy }: WitnessedLogState): LogInfo {
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
