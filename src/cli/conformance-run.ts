/** Runs the cases against a server, and shows and weighs what they came to. */
import { type CaseResult, countVerdicts, type Requirement } from "../conformance/result.ts";
import { TlogError } from "../errors.ts";
import type { HttpProbe } from "../node/http-probe.ts";
import { packageVersion } from "../node/package-version.ts";
import { type Call, isFlagOn } from "./command.ts";
import { countsText, reportTable } from "./conformance-report.ts";
import { grouped, humanBytes } from "./progress.ts";

/** A server, and the cases it is to be tested with. */
export interface ServerTest {
  readonly kind: "log" | "witness";
  /** Every way that is used to it; the first is the one that counts. */
  readonly probes: readonly [HttpProbe, ...HttpProbe[]];
  readonly documents: readonly { readonly name: string; readonly revision: string }[];
  readonly cases: readonly Requirement[];
  /** @throws {TlogError} ABORTED | PROBE_EXHAUSTED, after the results so far went to `onResult` */
  run(onResult: (result: CaseResult) => void): Promise<unknown>;
}

/**
 * Tests a server, and prints a table, or with --json a line for each case as it comes, then a summary.
 * @throws {TlogError} CONFORMANCE_FAILED (a MUST is not met) | ABORTED | PROBE_EXHAUSTED | INCOMPLETE (most of it could not be
 *   tried) | REMOTE_UNREACHABLE, REMOTE_TIMEOUT (there was never an answer)
 */
export async function testServer(call: Call, test: ServerTest): Promise<void> {
  const [probe] = test.probes;
  const startedMs = call.now();
  const sheet = openSheet(call, test);
  const stop = await test.run(sheet.take).then(noError, (error: unknown) => stopOf(call, error));
  await Promise.all(test.probes.map((one) => one.close()));
  const failure = probe.failure();
  if (probe.answers() === 0 && failure !== undefined && !call.signal.aborted)
    throw new TlogError(failure.code, `${probe.url}: ${failure.message}`, { cause: failure });
  if (stop !== undefined && !(stop instanceof TlogError)) throw stop;
  const { results, end } = await sheet.finish(stop);
  const cost = { requests: probe.requests(), bytes: probe.bytes(), elapsedMs: call.now() - startedMs };
  await call.output.result({
    text: [
      reportTable(results, { isVerbose: isFlagOn(call.flags, "verbose"), columns: call.output.columns }),
      `${countsText(results)} (${costText(cost)})`,
      `of the ${test.kind} ${probe.url} with bristlecone ${packageVersion()} and`,
      ...test.documents.map(({ name, revision }) => `  ${name}, ${revision}`),
    ].join("\n"),
    json: summaryJson(test, results, cost),
  });
  throwVerdict(results, end);
}

interface Sheet {
  readonly results: readonly CaseResult[];
  readonly end: TlogError | undefined;
}

interface Cost {
  readonly requests: number;
  readonly bytes: number;
  readonly elapsedMs: number;
}

/** Takes results as they come. Those that came while the server did not answer are held back: it may be gone. */
function openSheet({ output }: Call, { cases, probes }: ServerTest) {
  const results: CaseResult[] = [];
  let heldBack: CaseResult[] = []; // owned by take()
  let written: Promise<void> = Promise.resolve(); // owned by keep()

  function keep(kept: readonly CaseResult[]): void {
    results.push(...kept);
    if (!output.isJson) return;
    for (const json of kept) written = written.then(() => output.result({ text: "", json }));
  }

  return {
    take(result: CaseResult): void {
      heldBack.push(result);
      const taken = results.length + heldBack.length;
      output.progressLine(`${taken} of ${cases.length} cases, ${probes[0].requests()} requests`);
      if (probes.some((probe) => probe.failure() !== undefined)) return;
      keep(heldBack);
      heldBack = [];
    },
    /**
     * @param stop - what ended the run before its time.
     * @returns a result for every case, and why not all were run.
     */
    async finish(stop: TlogError | undefined): Promise<Sheet> {
      const isCutShort = heldBack.at(-1)?.verdict === "not-run";
      const gone = probes.map((probe) => probe.end() ?? (isCutShort ? probe.failure() : undefined));
      const end = stop ?? gone.find((error) => error !== undefined);
      const isSilent = end !== undefined && probes.some((probe) => probe.failure() !== undefined);
      keep(isSilent ? heldBack.map(unjudged) : heldBack);
      const reached = new Set(results.map(({ name }) => name));
      const missing = cases.filter(({ name }) => !reached.has(name));
      keep(missing.map((requirement) => notReached(requirement, end?.message ?? "not run")));
      await written;
      return { results, end: end && incomplete(end) };
    },
  };
}

/** What a run ended with, once there was an answer: that the server was unreachable later does not make it so. */
function incomplete(end: TlogError): TlogError {
  if (end.code !== "REMOTE_UNREACHABLE" && end.code !== "REMOTE_TIMEOUT") return end;
  return new TlogError("INCOMPLETE", `the server stopped answering: ${end.message}`, { cause: end });
}

/** What a server that is gone did not answer says nothing about it. */
function unjudged(result: CaseResult): CaseResult {
  if (result.verdict !== "fail" && result.verdict !== "warn") return result;
  return { ...result, got: "", verdict: "not-run", note: `the server stopped answering: ${result.got}` };
}

function notReached(of: Requirement, why: string): CaseResult {
  const { name, requirement, level, document, section } = of;
  const note = `not reached: ${why}`;
  return { name, requirement, level, document, section, expected: "", got: "", verdict: "not-run", note };
}

function throwVerdict(results: readonly CaseResult[], end: TlogError | undefined): void {
  const failed = results.filter(({ verdict }) => verdict === "fail");
  if (failed.length > 0) {
    const names = failed.map(({ name }) => name).join(", ");
    const what = failed.length === 1 ? "1 requirement is" : `${failed.length} requirements are`;
    throw new TlogError("CONFORMANCE_FAILED", `${what} not met: ${names}`);
  }
  if (end !== undefined) throw end;
  const notRun = results.filter(({ verdict }) => verdict === "not-run");
  // Or a wrong URL, or a witness that knows none of the test logs, would pass for ever.
  if (2 * notRun.length <= results.length) return;
  const reason = mostFrequent(notRun.map(({ note }) => note ?? ""));
  throw new TlogError(
    "INCOMPLETE",
    `${notRun.length} of ${results.length} cases could not be run, most of them because: ${reason}`,
  );
}

function mostFrequent(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  return first?.[0] ?? "";
}

function summaryJson({ kind, probes, documents }: ServerTest, results: readonly CaseResult[], cost: Cost) {
  const { requests, bytes, elapsedMs } = cost;
  return {
    summary: {
      kind,
      url: probes[0].url,
      program: `bristlecone ${packageVersion()}`,
      documents,
      cases: results.length,
      ...countVerdicts(results),
      requests,
      bytes,
      elapsedMs: Math.round(elapsedMs),
    },
  };
}

function costText({ requests, bytes, elapsedMs }: Cost): string {
  const time = `${(elapsedMs / 1000).toFixed(1)} s`;
  return `${grouped(requests)} ${requests === 1 ? "request" : "requests"}, ${humanBytes(bytes)}, ${time}`;
}

/** The reason of an abort is an exit code, and whoever noticed the abort may have thrown just that. */
function stopOf({ signal }: Call, error: unknown): unknown {
  return signal.aborted ? new TlogError("ABORTED", "interrupted before all cases were run") : error;
}

function noError(): undefined {
  return undefined;
}
