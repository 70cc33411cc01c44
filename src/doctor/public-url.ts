/** What readers see: through the public URLs, or where the server listens. */
import { sleepOnTimer } from "../../client/waiting.ts";
import type { LogCases } from "../conformance/log/cases.ts";
import { TlogError } from "../errors.ts";
import { rangeAt } from "../log/read-back.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import { hashesEqual } from "../merkle/hash.ts";
import { openCheckpoint, type VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import type { VerifierKey } from "../tlog/key.ts";
import { type Finding, fail, type Outcome, ok, type Sheet, skipped, unknown, warn } from "./check.ts";
import { lookAtServedBytes } from "./served-bytes.ts";
import { lookAtConformance } from "./served-conformance.ts";
import { lookAtEvents } from "./served-events.ts";
import type { StoreSight } from "./store-sight.ts";
import type { Visits } from "./visits.ts";

export interface PublicLook {
  /** Where readers see the log. */
  readonly urls: readonly string[];
  /** Where the server listens; undefined: on whatever port is free, or with TLS for a name that is not known here. */
  readonly listening: string | undefined;
  readonly admin: string | undefined;
  readonly isRunning: boolean | undefined;
  readonly sight: StoreSight | undefined;
  /** None: signatures cannot be checked. */
  readonly logKeys: readonly VerifierKey[];
  readonly cases: LogCases;
}

/** How long a checkpoint may be kept on its way: longer is a cache that does as it likes. */
const PATIENCE_MS = 12_000;
const ASK_EVERY_MS = 2_000;

export async function lookAtPublicUrl(sheet: Sheet, visits: Visits, look: PublicLook): Promise<void> {
  const { urls, listening, admin, isRunning } = look;
  await sheet.look({ check: "ready", of: admin, see: () => seeReadiness(visits, look) });
  const isAsked = urls.length === 0 && listening !== undefined && isRunning === true;
  if (urls.length === 0) {
    await sheet.look({
      check: "public-url",
      see: () =>
        isAsked
          ? warn(
              `no --served-at: what follows is seen where the server listens, ${listening}, and not as readers see it`,
              "give the URL of readers with --served-at, to serve too: it finds out there whether a newer copy signed",
            )
          : skipped(
              isRunning === true
                ? "no --served-at, and --listen alone is no URL for any port or for TLS"
                : "no --served-at, and no server runs here",
            ),
    });
  }
  for (const url of isAsked ? [listening] : urls) {
    const head = await sheet.look({
      check: "public-head",
      of: url,
      see: (signal) => seeHead(visits, { ...look, url }, signal),
    });
    if (head === undefined) continue;
    const { treeSize } = head;
    await lookAtServedBytes(sheet, visits, { url, sight: look.sight, treeSize });
    await lookAtEvents(sheet, { url, treeSize, logKeys: look.logKeys });
    await lookAtConformance(sheet, {
      url,
      probe: visits.probe(url),
      cases: look.cases,
      logKeys: look.logKeys,
    });
  }
}

async function seeReadiness(visits: Visits, { admin, isRunning }: PublicLook): Promise<Outcome> {
  const advice = "give --admin-listen PORT, for /readyz and /metrics: nothing says how the log is otherwise";
  if (admin === undefined)
    return skipped("no --admin-listen: nobody can ask how the log is, nor take metrics");
  if (isRunning !== true) return skipped("no server runs here");
  const { status, body } = await visits.ask(admin, { method: "GET", path: "readyz" });
  const text = new TextDecoder().decode(body.subarray(0, 2000)).trim();
  if (status === 200) return ok(text);
  if (status === 503) return fail(text, "see its code in deploy/runbooks, and the log's own lines");
  return unknown(`${admin} answers ${status} to /readyz`, advice);
}

interface HeadLook extends PublicLook {
  readonly url: string;
}

/** Signed by this log, and neither behind what it published nor ahead of it. */
async function seeHead(
  visits: Visits,
  look: HeadLook,
  signal: AbortSignal,
): Promise<Finding<VerifiedCheckpoint>> {
  const { sight, isRunning } = look;
  const before = sight?.reader.published()?.treeSize;
  const startedMs = performance.now();
  for (;;) {
    const seen = await askHead(visits, look);
    if ("verdict" in seen) return seen;
    const { head, age } = seen;
    const words = `a checkpoint of size ${head.treeSize}${age === undefined ? "" : `, ${age} s old in a cache`}`;
    if (sight === undefined || before === undefined) return { ...ok(words), found: head };
    if (head.treeSize >= before) return { ...(await judgeHead(head, words, sight)), found: head };
    if (performance.now() - startedMs > PATIENCE_MS) {
      const lag = `${words}, while the log published ${before} more than ${Math.round(PATIENCE_MS / 1000)} s ago`;
      const advice =
        "have caches keep /checkpoint as long as its Cache-Control says, and no longer; see that the URL leads to this server";
      return { ...(isRunning === true ? fail(lag, advice) : warn(lag, advice)), found: head };
    }
    await sleepOnTimer(ASK_EVERY_MS, signal);
  }
}

type SeenHead = { readonly head: VerifiedCheckpoint; readonly age: string | undefined } | Outcome;

async function askHead(visits: Visits, { url, logKeys, isRunning }: HeadLook): Promise<SeenHead> {
  try {
    const { status, headers, body } = await visits.ask(url, { method: "GET", path: "checkpoint" });
    if (status !== 200) {
      return fail(
        `GET checkpoint is answered ${status}`,
        "the URL has to be what stands before /checkpoint: no redirect, no login",
      );
    }
    if (logKeys.length === 0) return unknown("a checkpoint, but no key to verify it with", "see key-signs");
    const head = await openCheckpoint({ signedNote: body, logKeys });
    return { head, age: headers.get("age") };
  } catch (error) {
    if (!(error instanceof TlogError) || error.code === "ABORTED") throw error;
    const words = `${error.message} [${error.code}]`;
    if (error.code === "REMOTE_UNREACHABLE" || error.code === "REMOTE_TIMEOUT") {
      const advice = "see that the server runs, the name resolves, and proxy and firewall let GETs through";
      return isRunning === false ? unknown(`${words}; no server runs here`, advice) : fail(words, advice);
    }
    return fail(words, "what is served there is not this log with this key: see where the URL leads");
  }
}

/** What is seen may be newer than what was read before it; it may not be newer than the log, nor another tree. */
async function judgeHead(head: VerifiedCheckpoint, words: string, { reader }: StoreSight): Promise<Outcome> {
  const { integrated } = await reader.head();
  const stop =
    "stop every server of this log now, and find out which copy is the newest: two that sign make a fork";
  if (head.treeSize > integrated.treeSize) {
    return fail(
      `${words}, but the data directory has ${integrated.treeSize} entries only: another copy signs`,
      stop,
    );
  }
  const root = rangeRoot(await rangeAt(reader, head.treeSize));
  if (!hashesEqual(root, head.rootHash))
    return fail(`${words}, of another tree than the data directory has`, stop);
  return ok(`${words}, signed by the log, of the tree that is here`);
}
