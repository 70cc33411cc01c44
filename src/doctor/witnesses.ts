/** The policy that the log publishes under, whether its witnesses answer, and what they cosigned last. */
import { TlogError } from "../errors.ts";
import type { PublishedHead } from "../store/store.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import { isQuorumMet, type Policy, type PolicyWitness, showOctets } from "../tlog/policy.ts";
import { lintPolicy } from "../tlog/policy-lint.ts";
import { type Finding, fail, type Outcome, ok, type Sheet, skipped, unknown, warn } from "./check.ts";
import type { Visits } from "./visits.ts";
import { inTime } from "./words.ts";

export interface WitnessesLook {
  readonly path: string | undefined;
  /** Witnesses in the log's own process. */
  readonly localWitnesses: number;
  readonly isStrict: boolean;
  /** How often an idle log asks anew; undefined: the engine's default. */
  readonly refreshMs: number | undefined;
  /** @throws {TlogError} what keeps `serve` from starting with it. */
  readonly open: () => Promise<Policy | undefined>;
  readonly checkpoint: PublishedHead | undefined;
  readonly isRunning: boolean | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const DEFAULT_REFRESH_MS = 300_000;
const FUTURE_MS = 10_000;
const MAX_ASKED = 32;

export async function lookAtWitnesses(sheet: Sheet, visits: Visits, look: WitnessesLook): Promise<void> {
  const policy = await sheet.look({ check: "policy", of: look.path, see: () => seePolicy(look) });
  if (policy === undefined || policy.witnesses.length === 0) return;
  const reached: string[] = [];
  for (const witness of policy.witnesses.slice(0, MAX_ASKED)) {
    const isThere = await sheet.look({
      check: "witness",
      of: showOctets(witness.name),
      see: () => seeWitness(witness, visits),
    });
    if (isThere === true) reached.push(witness.name);
  }
  if (policy.witnesses.length <= MAX_ASKED) {
    await sheet.look({ check: "quorum-reachable", see: () => judgeReach(policy, reached, look.isStrict) });
  }
  await sheet.look({ check: "cosignatures", see: () => seeCosignatures(policy, look) });
}

async function seePolicy({ path, localWitnesses, open }: WitnessesLook): Promise<Finding<Policy>> {
  if (path === undefined && localWitnesses > 0) {
    return warn(
      `${localWitnesses} in this process (--local-witnesses): they prove nothing to others`,
      "ask other people to run witnesses, and name them in a policy: --policy",
    );
  }
  if (path === undefined) return skipped("no witnesses are asked: readers have the log's own word only");
  try {
    const policy = await open();
    if (policy === undefined) return skipped("no witnesses are asked");
    const { parties, collusion, outage, findings } = lintPolicy(policy);
    const words = [
      `${parties.length} ${parties.length === 1 ? "party" : "parties"}`,
      `${collusion.count} must collude with the log to show two heads`,
      ...(outage === undefined ? [] : [`${outage.count} down stop publication`]),
    ].join(", ");
    const [worst] = findings.filter(({ code }) => code !== "WITNESS_WITHOUT_URL");
    if (worst !== undefined) {
      return {
        ...warn(
          `${words}; ${worst.message}`,
          `write: ${worst.fix.replaceAll("\n", "; ")} (see \`policy check\`)`,
        ),
        found: policy,
      };
    }
    if (outage?.count === 1 && parties.length > 1) {
      return {
        ...warn(words, "choose a lower threshold or more witnesses, so that one may be down"),
        found: policy,
      };
    }
    return { ...ok(words), found: policy };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return fail(`${error.message} [${error.code}]`, "`serve` refuses to start so; `policy check` tells more");
  }
}

/** A GET of what takes POSTs only: a witness says so, and does nothing. */
async function seeWitness({ url }: PolicyWitness, visits: Visits): Promise<Finding<boolean>> {
  if (url === undefined) return skipped("the policy has no URL for it: the log cannot ask it");
  const shown = showOctets(url);
  const advice = "ask its operator, and see that this machine may connect there";
  try {
    const startedMs = performance.now();
    const { status } = await visits.ask(shown, { method: "GET", path: "add-checkpoint" });
    const took = `in ${Math.round(performance.now() - startedMs)} ms`;
    if (status >= 500) return warn(`${shown} answers ${status}`, advice);
    if (status === 404 || (status >= 300 && status < 400)) {
      return warn(
        `${shown} answers ${status} to GET add-checkpoint: maybe that is not where the witness is`,
        "see its URL in the policy; `conformance witness` tests it",
      );
    }
    return { ...ok(`${shown} answers, ${took}`), found: true };
  } catch (error) {
    if (!(error instanceof TlogError) || error.code === "ABORTED") throw error;
    return warn(`${shown}: ${error.message}`, advice);
  }
}

function judgeReach(policy: Policy, reached: readonly string[], isStrict: boolean): Outcome {
  const words = `${reached.length} of ${policy.witnesses.length} witnesses answer`;
  if (policy.quorum === "none") return ok(`${words}; the policy needs none`);
  if (!isQuorumMet(policy, reached)) {
    const advice = "get those that do not answer back, or replace them in the policy and tell readers";
    return isStrict
      ? fail(`${words}, which is no quorum: nothing is published until one is there`, advice)
      : warn(`${words}, which is no quorum: checkpoints are published without it`, advice);
  }
  const needed = reached.filter(
    (name) =>
      !isQuorumMet(
        policy,
        reached.filter((other) => other !== name),
      ),
  );
  if (needed.length === 0) return ok(`${words}: a quorum, and one more may fail`);
  return warn(
    `${words}: a quorum, which ends when ${needed.map(showOctets).join(" or ")} fails`,
    "add witnesses, or get those that do not answer back",
  );
}

async function seeCosignatures(policy: Policy, look: WitnessesLook): Promise<Outcome> {
  const { checkpoint, isStrict, isRunning, now, refreshMs = DEFAULT_REFRESH_MS } = look;
  if (checkpoint === undefined) return skipped("nothing is published here yet");
  if (checkpoint.treeSize === 0) return skipped("logs do not have the empty tree cosigned");
  try {
    const { cosignatures } = await openCheckpoint({ signedNote: checkpoint.checkpoint, policy });
    const times = cosignatures.flatMap(({ timestampSeconds }) =>
      timestampSeconds === 0 ? [] : [timestampSeconds * 1000],
    );
    const names = cosignatures.map(({ name }) => showOctets(name)).join(", ");
    const words = `size ${checkpoint.treeSize} is cosigned by ${names === "" ? "nobody" : names}`;
    if (times.length === 0) return ok(words);
    const newestMs = Math.max(...times);
    if (newestMs > now() + FUTURE_MS) {
      return warn(
        `${words}, the newest ${inTime(newestMs - now())} in the future`,
        "set this machine's clock by NTP; if it is right, a witness's is not: see the row clock",
      );
    }
    const aged = `${words}, ${inTime(now() - newestMs)} ago`;
    if (isRunning !== true || now() - newestMs < 3 * refreshMs) return ok(aged);
    return warn(aged, "see what the log says of its witnesses: its log lines, /readyz, and the metrics");
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const words = `size ${checkpoint.treeSize}: ${error.message} [${error.code}]`;
    if (error.code !== "QUORUM_NOT_MET")
      return fail(words, "readers with this policy refuse it: see key-fits-log");
    const advice = "readers with this policy refuse it: see which witnesses do not answer";
    if (isRunning !== true)
      return unknown(`${words}, and no server runs that would ask for more`, "start it, and look again");
    return isStrict ? fail(words, advice) : warn(words, advice);
  }
}
