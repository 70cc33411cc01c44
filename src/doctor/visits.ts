/** Requests of a doctor: few, small, each with an end; what the answers say about the time is kept. */
import type { ProbeAnswer, ProbeRequest } from "../conformance/probe.ts";
import { type HttpProbe, openHttpProbe } from "../node/http-probe.ts";

const TIMEOUT_MS = 10_000;
const RATE_PER_SECOND = 100;
const MAX_REQUESTS = 400;
/** A full bundle of the largest entries, and its framing. */
const MAX_ANSWER_BYTES = 256 * (2 + 65_535);
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_ELAPSED_MS = 150_000;

/** What another machine's clock said. */
export interface ClockSight {
  /** Whose it is. */
  readonly of: string;
  /** How far it was ahead of ours, in milliseconds; negative: behind. */
  readonly aheadMs: number;
  /** How much that may be wrong, either way: a Date has whole seconds, and answers take their time. */
  readonly withinMs: number;
}

export interface Visits {
  /** Raw: no redirect followed, no Content-Encoding undone. @throws {TlogError} as `Probe.exchange` | ARGUMENT_INVALID (no URL) */
  ask(url: string, request: ProbeRequest): Promise<ProbeAnswer>;
  probe(url: string): HttpProbe;
  clocks(): readonly ClockSight[];
  close(): Promise<void>;
}

/** @param options.now - milliseconds since 1970. */
export function openVisits(options: { readonly signal: AbortSignal; readonly now: () => number }): Visits {
  const { signal, now } = options;
  const probes = new Map<string, HttpProbe>();
  const clocks = new Map<string, ClockSight>();

  function probe(url: string): HttpProbe {
    const known = probes.get(url);
    if (known !== undefined) return known;
    const opened = openHttpProbe({
      ...{ url, signal, timeoutMs: TIMEOUT_MS, ratePerSecond: RATE_PER_SECOND, maxRequests: MAX_REQUESTS },
      ...{ maxAnswerBytes: MAX_ANSWER_BYTES, maxBytes: MAX_BYTES, maxElapsedMs: MAX_ELAPSED_MS },
      allowedMethods: ["GET", "HEAD", "OPTIONS"],
    });
    probes.set(url, opened);
    return opened;
  }

  return {
    probe,
    clocks: () => [...clocks.values()],
    async ask(url, request) {
      const askedMs = now();
      const answer = await probe(url).exchange(request);
      const sight = clockSight(url, answer, { askedMs, answeredMs: now() });
      if (sight !== undefined) clocks.set(sight.of, sight);
      return answer;
    },
    async close() {
      await Promise.all([...probes.values()].map((one) => one.close()));
    },
  };
}

/** @returns undefined for an answer that says nothing about now: none that a cache kept. */
function clockSight(
  url: string,
  { headers }: ProbeAnswer,
  { askedMs, answeredMs }: { readonly askedMs: number; readonly answeredMs: number },
): ClockSight | undefined {
  const date = headers.get("date");
  const atMs = date === undefined ? Number.NaN : Date.parse(date);
  if (Number.isNaN(atMs) || headers.has("age")) return undefined;
  // Some moment of that second, at some moment between asking and answering.
  const halfMs = (answeredMs - askedMs) / 2;
  return { of: new URL(url).host, aheadMs: atMs + 500 - (askedMs + halfMs), withinMs: 500 + halfMs };
}
