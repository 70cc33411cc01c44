/** Tests a witness from outside: sends what spec/vectors/conformance-witness.json says, and judges what comes back. */
import { TlogError } from "../../errors.ts";
import { ML_DSA_44 } from "../../tlog/cosignature.ts";
import type { VerifierKey } from "../../tlog/key.ts";
import { InapplicableError } from "../inapplicable.ts";
import type { Probe, ProbeAnswer } from "../probe.ts";
import type { CaseResult } from "../result.ts";
import { NOWHERE, sizeOf, type WitnessCase, type WitnessCases, type WitnessStep } from "./cases.ts";
import { isForMonitor, isLost, type Purpose, WitnessConnection } from "./connection.ts";
import { timestamped, withKeys } from "./cosignature-lines.ts";
import { NumberTree } from "./number-tree.ts";
import { type BuiltRequest, buildRequest } from "./request.ts";
import { LogStanding } from "./standing.ts";
import type { TestLog, TestLogs } from "./test-logs.ts";
import { judgeCase, notRun } from "./verdict.ts";
import { type RecipeState, replaceWords } from "./words.ts";

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

/** A request of a case as it went out, and what came. */
interface Asked {
  readonly state: RecipeState;
  readonly built: BuiltRequest;
  readonly answer: ProbeAnswer | TlogError;
}

class WitnessRun {
  readonly #options: WitnessConformanceOptions;
  readonly #connection: WitnessConnection;
  readonly #tree = new NumberTree();
  readonly #standings = new Map<string, LogStanding>(); // owned by #standingOf()
  /** Why sign-subtree is not asked; "" once it was seen to be offered. */
  #withoutSubtrees: string | undefined; // owned by #assertSubtreesOffered()

  constructor(options: WitnessConformanceOptions) {
    this.#options = options;
    this.#connection = new WitnessConnection(options);
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
    const { state, built, answer } = await this.#ask(case_, standing);
    const { body } = case_.expect ?? {};
    const expectedBody = body === undefined ? undefined : (await replaceWords(body, state)).join("\n");
    if (answer instanceof TlogError) return await judgeCase(case_, answer, expectedBody);
    if (case_.state === "discovers") discoverFrom(case_, answer, { standing, S: state.S });
    const judged = {
      answer,
      state,
      text: built.text,
      sentLines: built.signatureLines,
      nowSeconds: Math.floor(this.#options.now() / 1000),
      lastSeconds: standing.lastSeconds,
      subtree: subtreeOf(case_, state.S),
      answered: standing.answered,
      isFirstRun: standing.isFirstRun,
      isAnsweredComplete: standing.isAnsweredComplete,
    };
    const result = await judgeCase(case_, judged, expectedBody);
    this.#concludeFrom(case_, standing, { answer, result });
    return result;
  }

  /** An answer that is lost once is asked for again: networks lose some. Lost twice, with an answer between, it is the witness's doing. */
  async #ask(case_: WitnessCase, standing: LogStanding): Promise<Asked> {
    const asked = await this.#askOnce(case_, standing);
    if (!isLost(asked.answer) || isMetByClosing(case_, asked.answer)) return asked;
    await this.#assertAlive(case_, standing);
    return await this.#askOnce(case_, standing);
  }

  async #askOnce(case_: WitnessCase, standing: LogStanding): Promise<Asked> {
    await this.#prepare(case_, standing);
    const known = standing.recipeState();
    const state = case_.state === "discovers" ? { ...known, S: this.#chosenSize() } : known;
    const built = await buildRequest(case_.request, state);
    const answer = await this.#connection.exchange(built.request, { case_, standing, purpose: "case" });
    return { state, built, answer };
  }

  /** Another in each run: what an earlier one left, whatever it was, is hardly of this size. */
  #chosenSize(): number {
    return 2 + (Math.floor(this.#options.now() / 1000) % 500);
  }

  /** @throws {InapplicableError} when what came to nothing before comes to nothing again. */
  async #assertAlive(case_: WitnessCase, standing: LogStanding): Promise<void> {
    const { logs } = this.#options;
    if (isForMonitor(case_)) {
      const request = { method: "GET" as const, path: NOWHERE };
      if (!isLost(await this.#connection.exchange(request, { case_, standing, purpose: "case" }))) return;
      throw new InapplicableError("the server stopped answering");
    }
    const known = standing.log.role === "unknown" ? logs.configured[0] : standing.log;
    if (known !== undefined) await this.#discover(case_, this.#standingOf(known));
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
    if (!standing.isKnown) await this.#discover(case_, standing);
    standing.assertUsable();
    if (case_.state === "any") return;
    if (case_.state === "never") return standing.assertNeverCosigned();
    if (standing.size === 0) await this.#cosign(case_, standing, log.first);
    if (needsCosignatures(case_) && standing.recipeState().cosignatures.length === 0) {
      await this.#cosign(case_, standing, log.again);
    }
    if (case_.needs?.includes("subtrees")) await this.#assertSubtreesOffered(case_, standing);
  }

  /** Asks what the witness has of a log, with each of the log's keys: it may not trust all of them. */
  async #discover(case_: WitnessCase, standing: LogStanding): Promise<void> {
    standing.forget();
    for (const { request: recipe, sets } of standing.log.discovery) {
      const { request } = await buildRequest(recipe, standing.recipeState());
      standing.learn(
        await this.#connection.exchangeBefore(request, { case_, standing, purpose: "discovery" }),
        sets,
      );
      if (standing.isRefused) return;
    }
  }

  /** sign-subtree is optional. What is not there is known by the answer to a good request. */
  async #assertSubtreesOffered(case_: WitnessCase, standing: LogStanding): Promise<void> {
    if (this.#withoutSubtrees === undefined) {
      const about = { case_, standing, purpose: "preparation" } as const;
      const state = standing.recipeState();
      const { request } = await buildRequest(this.#options.cases.subtreeOffer, state);
      const { status } = await this.#connection.exchangeBefore(request, about);
      const isOffered =
        status === 200 ||
        (hasMlDsa(state.cosignatures) &&
          ![404, 405, 501].includes(status) &&
          (await this.#connection.exchangeBefore({ ...request, path: NOWHERE }, about)).status !== status);
      this.#withoutSubtrees = isOffered ? "" : `sign-subtree, which is optional, is not offered (${status})`;
    }
    if (this.#withoutSubtrees !== "") throw new InapplicableError(this.#withoutSubtrees);
  }

  /** A good request, which is no case itself. */
  async #cosign(case_: WitnessCase, standing: LogStanding, step: WitnessStep): Promise<void> {
    const state = standing.recipeState();
    const { request } = await buildRequest(step.request, state);
    const answer = await this.#connection.exchangeBefore(request, {
      case_,
      standing,
      purpose: "preparation",
    });
    if (answer.status !== 200) {
      standing.forget();
      throw new InapplicableError(`a good request to prepare it was answered ${answer.status}`);
    }
    standing.cosigned(sizeOf(step.sets, state.S), answer);
  }

  #concludeFrom(
    case_: WitnessCase,
    standing: LogStanding,
    { answer, result }: { readonly answer: ProbeAnswer; readonly result: CaseResult },
  ): void {
    const isMet = result.verdict === "pass";
    if (answer.status === 200 && case_.sets !== undefined) {
      const size = sizeOf(case_.sets, standing.size);
      if (isMet) standing.cosigned(size, answer);
      else standing.cosignedWrongly(size, answer);
    } else if (!isMet && case_.request.method === "POST") {
      // What should have been cosigned, may have been stored.
      if (case_.expect?.status.includes(200) ?? true) standing.lose();
      else standing.forget();
    }
  }
}

function subtreeOf({ subtree }: WitnessCase, S: number): { start: number; end: number } | undefined {
  if (subtree === undefined) return undefined;
  const [start, end] = subtree;
  return { start: sizeOf(start, S), end: sizeOf(end, S) };
}

/** The first request about a log is a case itself. What was cosigned before, or is not known at all, says nothing about it. */
function discoverFrom(
  case_: WitnessCase,
  answer: ProbeAnswer,
  { standing, S }: { readonly standing: LogStanding; readonly S: number },
): void {
  standing.learn(answer, `${sizeOf(case_.sets ?? "0", S)}`);
  if (answer.status === 404) standing.assertUsable();
  if (answer.status === 409) standing.assertNeverCosigned();
}

function isMetByClosing({ expect }: WitnessCase, answer: ProbeAnswer | TlogError): boolean {
  return expect?.closed === "met" && answer instanceof TlogError && answer.code === "REMOTE_UNREACHABLE";
}

function needsCosignatures({ needs = [], expect }: WitnessCase): boolean {
  const isAboutThem = (expect?.checks ?? []).some((check) => AFTER_COSIGNATURES.has(check));
  return needs.includes("subtrees") || isAboutThem;
}

function hasMlDsa(lines: readonly string[]): boolean {
  return withKeys(lines, []).some(({ signature }) => timestamped(signature)?.type === ML_DSA_44);
}

const AFTER_COSIGNATURES: ReadonlySet<string> = new Set(["monitor-cosignatures", "time-not-back"]);
