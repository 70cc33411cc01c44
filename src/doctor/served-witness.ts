/** A witness of one's own as logs and monitors reach it. */
import { decodeJsonObject } from "../../client/routes.ts";
import { orUndefined, TlogError } from "../errors.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { type Finding, fail, type Outcome, ok, type Sheet, skipped, warn } from "./check.ts";
import type { WitnessSight } from "./own-witness.ts";
import type { Visits } from "./visits.ts";

export interface ServedWitnessLook {
  readonly url: string;
  /** Its store, when that is looked at too. */
  readonly sight: WitnessSight | undefined;
}

/** What `/witness.json` says, as far as it is looked at. */
interface Shown {
  readonly name: string;
  readonly logs: readonly ShownLog[];
  readonly headers: ReadonlyMap<string, string>;
}

interface ShownLog {
  readonly origin: string;
  readonly treeSize: number;
  readonly checkpoint: string;
}

const MAX_FRESH_SECONDS = 300;

export async function lookAtServedWitness(
  sheet: Sheet,
  visits: Visits,
  look: ServedWitnessLook,
): Promise<void> {
  const { url } = look;
  const shown = await sheet.look({
    check: "witness-url",
    of: url,
    otherwise: "see that the witness runs, and that its URL is the one that logs have",
    see: () => seeInfo(look, visits),
  });
  if (shown === undefined) return;
  await sheet.look({ check: "same-witness", of: url, see: () => judgeSame(shown, look.sight) });
  await sheet.look({ check: "witness-cache", of: url, see: () => judgeCache(shown) });
  await sheet.look({ check: "submissions", of: url, see: () => seeSubmissions(url, visits) });
  await sheet.look({ check: "monitoring", of: url, see: () => seeMonitoring(url, shown, visits) });
}

async function seeInfo({ url }: ServedWitnessLook, visits: Visits): Promise<Finding<Shown>> {
  const startedMs = performance.now();
  const { status, headers, body } = await visits.ask(url, { method: "GET", path: "witness.json" });
  const took = `in ${Math.round(performance.now() - startedMs)} ms`;
  const advice = "see that this URL leads to the witness; a proxy must pass all paths below it";
  if (status !== 200) return fail(`GET witness.json is answered with ${status}`, advice);
  const shown = orUndefined(() => parseInfo(decodeJsonObject(body), headers));
  if (shown === undefined) return fail("its witness.json is not what a witness shows", advice);
  return { ...ok(`${shown.name}, ${shown.logs.length} logs on its first page, ${took}`), found: shown };
}

function judgeSame({ name, logs }: Shown, sight: WitnessSight | undefined): Promise<Outcome> | Outcome {
  if (sight === undefined)
    return skipped("name its data directory with --witness, too, and the two are compared");
  if (name !== sight.name) {
    return fail(
      `there ${name} is served, the data is of ${sight.name}`,
      "give URL and directory of one witness",
    );
  }
  return judgeSizes(logs, sight);
}

/** Read after what was shown: a witness shows only what it has stored. */
async function judgeSizes(logs: readonly ShownLog[], { reader }: WitnessSight): Promise<Outcome> {
  for (const { origin, treeSize } of logs) {
    const stored = (await reader.head(origin))?.treeSize ?? 0;
    if (treeSize <= stored) continue;
    return fail(
      `there size ${treeSize} of ${origin} is cosigned, and ${stored} is stored here: another copy of this witness signs`,
      "end one of them at once: two would cosign what contradicts itself, and this witness would be convicted",
    );
  }
  return ok(`nothing is shown there that is not stored here, of ${logs.length} logs`);
}

function judgeCache({ headers }: Shown): Outcome {
  const control = headers.get("cache-control") ?? "";
  const [, age = "0"] = /(?:s-maxage|max-age)=(\d{1,9})/.exec(control) ?? [];
  const advice = "let the proxy keep the headers that the witness sends";
  if (Number(age) > MAX_FRESH_SECONDS) {
    return warn(`what changes at any time may be kept for ${age} s: monitors see old heads`, advice);
  }
  if (headers.get("access-control-allow-origin") !== "*") {
    return warn("web pages may not read it: Access-Control-Allow-Origin is not *", advice);
  }
  return ok(`kept for ${age} s at most, and web pages may read it`);
}

async function seeSubmissions(url: string, visits: Visits): Promise<Outcome> {
  // A POST would be a statement; what takes POST only says so.
  const { status } = await visits.ask(url, { method: "GET", path: "add-checkpoint" });
  if (status === 405) return ok("add-checkpoint is there");
  return fail(
    `GET add-checkpoint is answered with ${status}, want 405`,
    "have the proxy pass add-checkpoint, POST too, or no log can be cosigned",
  );
}

async function seeMonitoring(url: string, { logs }: Shown, visits: Visits): Promise<Outcome> {
  const [log] = logs.filter(({ checkpoint }) => checkpoint !== "");
  if (log === undefined) return skipped("nothing is cosigned yet");
  try {
    const { status, body } = await visits.ask(url, { method: "GET", path: log.checkpoint });
    const text = status === 200 ? orUndefined(() => decodeUtf8(body)) : undefined;
    if (text?.startsWith(`${log.origin}\n`) === true) return ok(`the newest head of ${log.origin} is shown`);
    return fail(`${log.checkpoint} is answered with ${status}`, "let the proxy pass what monitors ask for");
  } catch (error) {
    if (!(error instanceof TlogError) || error.code === "ABORTED") throw error;
    return fail(`${log.checkpoint}: ${error.message}`, "let the proxy pass what monitors ask for");
  }
}

const CHECKPOINT_PATH = /^[0-9a-f]{64}\/checkpoint$/;

/** @returns undefined when it is no such answer. */
function parseInfo(info: Readonly<Record<string, unknown>>, headers: Shown["headers"]): Shown | undefined {
  if (typeof info.name !== "string" || !Array.isArray(info.logs)) return undefined;
  const logs = info.logs.map(fieldsOf).flatMap(({ origin, treeSize, checkpoint }): ShownLog[] => {
    if (typeof origin !== "string") return [];
    const path = typeof checkpoint === "string" && CHECKPOINT_PATH.test(checkpoint) ? checkpoint : "";
    return [{ origin, treeSize: typeof treeSize === "number" ? treeSize : 0, checkpoint: path }];
  });
  return { name: info.name, logs, headers };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
