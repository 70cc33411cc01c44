/** Tests a witness from outside: sends what spec/vectors/conformance-witness.json says, and judges what comes back. */
import { TlogError } from "../../errors.ts";
import { ML_DSA_44 } from "../../tlog/cosignature.ts";
import type { VerifierKey } from "../../tlog/key.ts";
import type { Probe, ProbeAnswer, ProbeRequest } from "../probe.ts";
import type { CaseResult } from "../result.ts";
import { sizeOf, type WitnessCase, type WitnessCases, type WitnessStep } from "./cases.ts";
import { timestamped, withKeys } from "./cosignature-lines.ts";
import { InapplicableError } from "./inapplicable.ts";
import { NumberTree } from "./number-tree.ts";
import { buildRequest } from "./request.ts";
import { LogStanding } from "./standing.ts";
import type { TestLog, TestLogs } from "./test-logs.ts";
import { judgeCase, notRun } from "./verdict.ts";
import { replaceWords } from "./words.ts";

/** What a request is sent for. */
export type Purpose = "discovery" | "preparation" | "case";

export interface WitnessConformanceOptions {
  readonly cases: WitnessCases;
  /** The submission prefix. */
  readonly probe: Probe;
  /** The monitoring prefix, if it is known: the same or another. */
  readonly monitoring: Probe | undefined;
  readonly logs: TestLogs;
  /** All keys the witness signs with. None: what needs one is not run. */
  readonly witnessKeys: readonly VerifierKey[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onResult: (result: CaseResult) => void;
  /** Told before each request. */
  readonly onExchange?: (about: { readonly caseName: string; readonly purpose: Purpose }) => void;
  readonly signal: AbortSignal;
}

/**
 * Runs the cases in their order, one request at a time.
 * @throws {TlogError} ABORTED | PROBE_EXHAUSTED | CASES_MALFORMED: what was found until then went to `onResult`
 */
export async function runWitnessConformance(
  options: WitnessConformanceOptions,
): Promise<readonly CaseResult[]> {
  const run = new WitnessRun(options);
  const results: CaseResult[] = [];
  for (const case_ of options.cases.cases) {
    if (options.signal.aborted) throw new TlogError("ABORTED", "the run was interrupted");
    const result = await run.run(case_);
    results.push(result);
    options.onResult(result);
  }
  return results;
}

class WitnessRun {
  readonly #options: WitnessConformanceOptions;
  readonly #tree = new NumberTree();
  readonly #standings = new Map<string, LogStanding>(); // owned by #standingOf()
  /** Why sign-subtree is not asked; "" once it was seen to be offered. */
  #withoutSubtrees: string | undefined; // owned by #assertSubtreesOffered()

  constructor(options: WitnessConformanceOptions) {
    this.#options = options;
  }

  async run(case_: WitnessCase): Promise<CaseResult> {
    try {
      return await this.#try(case_);
    } catch (error) {
      if (error instanceof InapplicableError) return notRun(case_, error.reason);
      throw error;
    }
  }

  async #try(case_: WitnessCase): Promise<CaseResult> {
    const log = this.#options.logs.get(case_.log);
    this.#assertNeeds(case_, log);
    const standing = this.#standingOf(log);
    await this.#prepare(case_, standing);
    const state = standing.recipeState();
    const built = await buildRequest(case_.request, state);
    const { body } = case_.expect ?? {};
    const expectedBody = body === undefined ? undefined : (await replaceWords(body, state)).join("\n");
    const answer = await this.#exchange(case_, "case", built.request).catch(orNoAnswer);
    if (answer instanceof TlogError) {
      standing.forget();
      return await judgeCase(case_, answer, expectedBody);
    }
    if (case_.state === "discovers") discoverFrom(case_, answer, standing);
    const judged = {
      answer,
      state,
      text: built.text,
      nowSeconds: Math.floor(this.#options.now() / 1000),
      lastSeconds: standing.lastSeconds,
      subtree: subtreeOf(case_, state.S),
      answered: standing.answered,
    };
    const result = await judgeCase(case_, judged, expectedBody);
    this.#concludeFrom(case_, standing, { answer, result });
    return result;
  }

  #assertNeeds({ needs = [] }: WitnessCase, log: TestLog): void {
    const { monitoring, witnessKeys } = this.#options;
    if (log.role === "left-out") {
      throw new InapplicableError(`the witness is not configured with the log ${log.name}`);
    }
    if (needs.includes("monitoring") && monitoring === undefined) {
      throw new InapplicableError("no monitoring prefix is given");
    }
    if (needs.includes("ml-dsa") && !witnessKeys.some(({ type }) => type === ML_DSA_44)) {
      throw new InapplicableError("no ML-DSA-44 key of the witness is given");
    }
    if (needs.includes("witness-keys") && witnessKeys.length === 0) {
      throw new InapplicableError("no key of the witness is given");
    }
  }

  #standingOf(log: TestLog): LogStanding {
    const { witnessKeys } = this.#options;
    const standing = this.#standings.get(log.name) ?? new LogStanding({ log, tree: this.#tree, witnessKeys });
    this.#standings.set(log.name, standing);
    return standing;
  }

  /** Brings the witness to where the case starts. */
  async #prepare(case_: WitnessCase, standing: LogStanding): Promise<void> {
    const { log } = standing;
    if (case_.state === undefined || case_.state === "discovers") return;
    if (!standing.isKnown) {
      const { request } = await buildRequest(log.discovery.request, standing.recipeState());
      standing.learn(await this.#exchange(case_, "discovery", request), log.discovery.sets);
    }
    standing.assertUsable();
    if (case_.state === "any") return;
    if (case_.state === "never") return standing.assertNeverCosigned();
    if (standing.size === 0) await this.#cosign(case_, standing, log.first);
    if (needsCosignatures(case_) && standing.recipeState().cosignatures.length === 0) {
      await this.#cosign(case_, standing, log.again);
    }
    if (case_.needs?.includes("subtrees")) await this.#assertSubtreesOffered(case_, standing);
  }

  /** sign-subtree is optional. What is not there is known by the answer to a good request. */
  async #assertSubtreesOffered(case_: WitnessCase, standing: LogStanding): Promise<void> {
    if (this.#withoutSubtrees === undefined) {
      const state = standing.recipeState();
      const { request } = await buildRequest(this.#options.cases.subtreeOffer, state);
      const { status } = await this.#exchange(case_, "preparation", request);
      const isOffered = ![404, 405, 501].includes(status) && (status === 200 || hasMlDsa(state.cosignatures));
      this.#withoutSubtrees = isOffered ? "" : `sign-subtree, which is optional, is not offered (${status})`;
    }
    if (this.#withoutSubtrees !== "") throw new InapplicableError(this.#withoutSubtrees);
  }

  /** A good request, which is no case itself. */
  async #cosign(case_: WitnessCase, standing: LogStanding, step: WitnessStep): Promise<void> {
    const state = standing.recipeState();
    const { request } = await buildRequest(step.request, state);
    const answer = await this.#exchange(case_, "preparation", request);
    if (answer.status !== 200) {
      standing.forget();
      throw new InapplicableError(`a good request to prepare it was answered ${answer.status}`);
    }
    standing.cosigned(sizeOf(step.sets, state.S), answer);
  }

  async #exchange(case_: WitnessCase, purpose: Purpose, request: ProbeRequest): Promise<ProbeAnswer> {
    const { probe, monitoring, onExchange } = this.#options;
    onExchange?.({ caseName: case_.name, purpose });
    const isForMonitor = purpose === "case" && case_.needs?.includes("monitoring") === true;
    const answer = await ((isForMonitor ? monitoring : undefined) ?? probe)
      .exchange(request)
      .catch((error) => {
        if (purpose === "case") throw error;
        throw new InapplicableError(`no answer to the request before it: ${orNoAnswer(error).code}`);
      });
    // It may be busy, or have had enough of us: that says nothing about what it would answer.
    if (answer.status !== 429 && answer.status !== 503) return answer;
    throw new InapplicableError(`the witness answered ${answer.status}`);
  }

  #concludeFrom(
    case_: WitnessCase,
    standing: LogStanding,
    { answer, result }: { readonly answer: ProbeAnswer; readonly result: CaseResult },
  ): void {
    const isMet = result.verdict === "pass";
    if (answer.status === 200 && case_.sets !== undefined) {
      if (isMet) standing.cosigned(sizeOf(case_.sets, standing.size), answer);
      else standing.forget();
    } else if (!isMet && case_.request.method === "POST") standing.forget();
  }
}

function subtreeOf({ subtree }: WitnessCase, S: number): { start: number; end: number } | undefined {
  if (subtree === undefined) return undefined;
  const [start, end] = subtree;
  return { start: sizeOf(start, S), end: sizeOf(end, S) };
}

/** The first request about a log is a case itself. What was cosigned before, or is not known at all, says nothing about it. */
function discoverFrom(case_: WitnessCase, answer: ProbeAnswer, standing: LogStanding): void {
  standing.learn(answer, case_.sets ?? "0");
  if (answer.status === 404) standing.assertUsable();
  if (answer.status === 409) standing.assertNeverCosigned();
}

function needsCosignatures({ needs = [], expect }: WitnessCase): boolean {
  const isAboutThem = (expect?.checks ?? []).some((check) => AFTER_COSIGNATURES.has(check));
  return needs.includes("subtrees") || isAboutThem;
}

function hasMlDsa(lines: readonly string[]): boolean {
  return withKeys(lines, []).some(({ signature }) => timestamped(signature)?.type === ML_DSA_44);
}

function orNoAnswer(error: unknown): TlogError {
  const isSilence = error instanceof TlogError && SILENCES.has(error.code);
  if (isSilence) return error;
  throw error;
}

const AFTER_COSIGNATURES: ReadonlySet<string> = new Set(["monitor-cosignatures", "time-not-back"]);
const SILENCES: ReadonlySet<string> = new Set(["REMOTE_UNREACHABLE", "REMOTE_TIMEOUT", "REMOTE_TOO_LARGE"]);
