import { readFileSync } from "node:fs";
import { type LogCases, parseLogCases } from "../../src/conformance/log/cases.ts";
import { type LogConformanceOptions, runLogConformance } from "../../src/conformance/log/run.ts";
import type { Probe, ProbeAnswer, ProbeRequest } from "../../src/conformance/probe.ts";
import type { CaseResult } from "../../src/conformance/result.ts";
import { listen, type RunningListener } from "../../src/http/listen.ts";
import type { Log } from "../../src/log/log.ts";
import { openHttpProbe } from "../../src/node/http-probe.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { openLogOfSize, type testApp } from "../http/test-log.ts";

export const LOG_CASES: LogCases = parseLogCases(
  readFileSync(new URL("../../spec/vectors/conformance-log.json", import.meta.url), "utf8"),
);

/** Our log on a socket. */
export interface ServedLog {
  readonly log: Log;
  readonly url: string;
  close(): Promise<void>;
}

export async function serveLogOfSize(size: number): Promise<ServedLog> {
  const { log, app } = await openLogOfSize(size);
  return await serveLog(log, app);
}

export async function serveLog(log: Log, app: ReturnType<typeof testApp>): Promise<ServedLog> {
  const listener: RunningListener = await listen({ app, host: "127.0.0.1", port: 0 });
  return {
    log,
    url: listener.url,
    async close() {
      await listener.close({ deadlineMs: 0 });
      await log.close();
    },
  };
}

/** Changes answers on their way; `exchange` asks the log itself. */
export type Spoil = (
  request: ProbeRequest,
  exchange: (request: ProbeRequest) => Promise<ProbeAnswer>,
) => Promise<ProbeAnswer>;

/** Runs cases, all or those named, as often as needed without waiting. */
export async function runCases(
  { log, url }: ServedLog,
  options: {
    readonly names?: readonly string[];
    readonly writes?: boolean;
    readonly spoil?: Spoil;
  } & Partial<Omit<LogConformanceOptions, "writes">> = {},
): Promise<{ readonly results: readonly CaseResult[]; readonly requests: number }> {
  const { names, spoil, writes: isWriting = false, ...others } = options;
  const signal = new AbortController().signal;
  const sent = openHttpProbe({
    url,
    signal,
    ratePerSecond: 1_000_000,
    timeoutMs: 10_000,
    maxRequests: 2000,
    maxBytes: 2 ** 28,
    maxAnswerBytes: 2 ** 25,
  });
  const probe: Probe =
    spoil === undefined ? sent : { ...sent, exchange: (request) => spoil(request, sent.exchange) };
  const { cases } = LOG_CASES;
  try {
    const results = await runLogConformance({
      cases: { ...LOG_CASES, cases: cases.filter(({ name }) => names?.includes(name) ?? true) },
      probe,
      writes: isWriting ? probe : undefined,
      logKeys: log.vkeys.map(parseVerifierKey),
      origin: log.origin,
      onResult: () => {},
      signal,
      random: Math.random,
      pause: async () => {
        await log.untilPublished(log.integratedSize() - 1, { signal });
      },
      ...others,
    });
    return { results, requests: sent.requests() };
  } finally {
    await sent.close();
  }
}

/** What a good log has none of. */
export function amiss(results: readonly CaseResult[]): readonly CaseResult[] {
  return results.filter(({ verdict }) => verdict === "fail" || verdict === "warn");
}

export function resultOf(results: readonly CaseResult[], name: string): CaseResult {
  const result = results.find((one) => one.name === name);
  if (result === undefined) throw new TypeError(`${name} was not run`);
  return result;
}
