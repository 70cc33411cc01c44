import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Log, LogEnd, Witnessing } from "../log/log.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { formatVerifierKey, parseVerifierKey } from "../tlog/key.ts";
import type { KeyChange } from "../tlog/key-change.ts";
import { formatPolicy } from "../tlog/policy.ts";
import { READ_HEADERS } from "./headers.ts";
import type { HttpEnv } from "./path.ts";
import { HashHex } from "./schemas.ts";

export interface LogInfoOptions {
  /** The program's version. */
  readonly version: string;
  readonly maxBatchBytes: number;
  /** The port of the listener, once it is bound: what port 0 stands for in the URL of a witness on the same listener. */
  readonly boundPort: () => number | undefined;
}

/** `GET /log.json`: what a client needs to know before it trusts or writes. */
export function logInfoRoutes(log: Log, options: LogInfoOptions): OpenAPIHono<HttpEnv> {
  const logs = log.vkeys.map((vkey) => ({ key: parseVerifierKey(vkey) }));
  const unwitnessed = { logs, witnesses: [], groups: [], quorum: "none" };
  // A policy may hold any octets; JSON holds text, so what is not UTF-8 shows as U+FFFD.
  const unbound = new TextDecoder().decode(formatPolicy(log.witnessing()?.policy ?? unwitnessed));
  const info = (): z.infer<typeof LogInfo> => ({
    origin: log.origin,
    vkeys: [...log.vkeys],
    ...witnessInfo(log.witnessing(), options),
    policy: withPort(unbound, options),
    duplicates: log.duplicates,
    ...(log.keyHistory && { keyChanges: log.keyHistory.changes.map(keyChangeInfo) }),
    ...(log.end && { frozen: frozenInfo(log.end) }),
    limits: {
      maxEntryBytes: log.limits.maxEntryBytes,
      maxBatchEntries: log.limits.maxBatchEntries,
      maxBatchBytes: options.maxBatchBytes,
    },
    version: options.version,
  });
  const caching = log.witnessing() === undefined ? "public, max-age=60" : "public, max-age=10";
  return new OpenAPIHono<HttpEnv>().openapi(logInfoRoute, (c) =>
    c.json(info(), 200, { ...READ_HEADERS, "Cache-Control": caching }),
  );
}

function keyChangeInfo(change: KeyChange): z.infer<typeof KeyChangeInfo> {
  return {
    treeSize: change.treeSize,
    atSeconds: change.atSeconds,
    oldKeys: change.oldKeys.map(formatVerifierKey),
    newKeys: change.newKeys.map(formatVerifierKey),
  };
}

function frozenInfo({ atSeconds, treeSize, rootHash, successor }: LogEnd): z.infer<typeof FrozenInfo> {
  return {
    atSeconds,
    treeSize,
    rootHash: encodeHex(rootHash),
    successor: successor && { ...successor, origin: parseVerifierKey(successor.vkey).name },
  };
}

function witnessInfo(
  witnessing: Witnessing | undefined,
  options: LogInfoOptions,
): Pick<z.infer<typeof LogInfo>, "witnesses" | "quorumMode" | "quorumMissing"> {
  if (witnessing === undefined) return { witnesses: [] };
  const { mode, isQuorumMissing, witnesses } = witnessing;
  return {
    quorumMode: mode,
    quorumMissing: isQuorumMissing,
    witnesses: witnesses.map(({ name, vkey, url, isFailing, lastCosigned, lastFailure }) => ({
      name,
      vkey,
      url: url && withPort(url, options),
      failing: isFailing,
      lastCosigned,
      // The code alone: a message may name what only the operator should see, such as an address behind a proxy.
      lastFailure: lastFailure && { atSeconds: lastFailure.atSeconds, code: lastFailure.code },
    })),
  };
}

/** Nobody can call port 0, so a URL that has it was made before the listener was bound. */
function withPort(text: string, { boundPort }: LogInfoOptions): string {
  const port = boundPort();
  return port === undefined ? text : text.replace(/(\bhttps?:\/\/[^\s/]+):0(?=[/\s]|$)/g, `$1:${port}`);
}

const WitnessInfo = z
  .object({
    name: z.string().openapi({ description: "What the policy calls it." }),
    vkey: z.string(),
    url: z.string().optional().openapi({ description: "Absent: the log cannot ask it." }),
    failing: z.boolean().openapi({ description: "Its last answer did not count, or did not come." }),
    lastCosigned: z
      .object({ treeSize: z.int(), timestampSeconds: z.int() })
      .optional()
      .openapi({ description: "Its newest cosignature, and the time that states." }),
    lastFailure: z
      .object({ atSeconds: z.int(), code: z.string().openapi({ example: "REMOTE_TIMEOUT" }) })
      .optional(),
  })
  .openapi("WitnessInfo");

const KeyChangeInfo = z
  .object({
    treeSize: z.int().openapi({ description: "Larger trees are signed by a new key." }),
    atSeconds: z.int().openapi({ description: "By the log's own clock." }),
    oldKeys: z.array(z.string()),
    newKeys: z.array(z.string()),
  })
  .openapi("KeyChangeInfo");

const FrozenInfo = z
  .object({
    atSeconds: z.int().openapi({ description: "When the log ended, by its own clock." }),
    treeSize: z.int().openapi({ description: "The size it has for ever." }),
    rootHash: HashHex,
    successor: z
      .object({
        origin: z.string(),
        vkey: z.string().openapi({ description: "Signed into the last checkpoint too: spec/frozen.md." }),
        url: z.string().optional(),
      })
      .optional()
      .openapi({ description: "Where entries go from now on." }),
  })
  .openapi("FrozenInfo");

const LogInfo = z
  .object({
    origin: z.string().openapi({ example: "example.com/log" }),
    vkeys: z.array(z.string()).openapi({
      description:
        "Verifier keys, c2sp.org/signed-note; the Ed25519 one first. Trust them only as far as you trust this answer.",
    }),
    witnesses: z.array(WitnessInfo).openapi({
      description: "The witnesses of the policy, and how they did lately. Empty: the log asks nobody.",
    }),
    quorumMode: z.enum(["strict", "best-effort"]).optional().openapi({
      description:
        "strict: every checkpoint shown has a quorum, but for the one of the empty tree. best-effort: none need have. Absent without witnesses.",
    }),
    quorumMissing: z
      .boolean()
      .optional()
      .openapi({ description: "The last attempt to get a quorum failed, or is taking long." }),
    policy: z.string().openapi({
      description:
        "A c2sp.org/tlog-policy file with the log's keys and its witnesses, as a start for your own.",
    }),
    duplicates: z.enum(["first", "allow"]).openapi({
      description: "first: the same bytes get the same index. allow: they are appended again.",
    }),
    keyChanges: z.array(KeyChangeInfo).optional().openapi({
      description:
        "What GET /key-history has with signatures: spec/key-history.md. Absent: the log's keys never changed.",
    }),
    frozen: FrozenInfo.optional().openapi({ description: "Absent: the log takes entries." }),
    limits: z.object({
      maxEntryBytes: z.int().openapi({ example: 65_535 }),
      maxBatchEntries: z.int(),
      maxBatchBytes: z.int(),
    }),
    version: z.string().openapi({ description: "Of the server program." }),
  })
  .openapi("LogInfo");

export const logInfoRoute = createRoute({
  method: "get",
  path: "/log.json",
  summary: "Name, keys and limits of the log",
  responses: {
    200: { description: "About this log.", content: { "application/json": { schema: LogInfo } } },
  },
});
