/** What a log promises in shares of its requests, and how fast it may use up what it may fail: sre.google/workbook/alerting-on-slos */
import type { AlertRow, Times } from "./alert.ts";

export interface Objective {
  /** Part of a recorded series' name. */
  readonly id: string;
  readonly alert: string;
  /** The share of requests that has to be good. */
  readonly goal: number;
  /** Rates of bad requests and of all, over a span. Bad ones have no series before the first. */
  readonly bad: (span: string) => string;
  readonly all: (span: string) => string;
  readonly words: Pick<AlertRow, "meaning" | "look" | "act"> & { readonly summary: string };
}

const BY = "sum by (job, instance)";
/** A failure does not say whether a receipt was asked for: successes of both are held against it. */
const ADDS = 'route=~"/add|/add .receipt.|/add-batch"';
/** Those that wait for witnesses only when they ask to are not slow by that. */
const PROMPT_ADDS = 'route=~"/add|/add-batch"';
/** As a text has it, and as Prometheus 3 stores it. */
const WITHIN_A_SECOND = 'le=~"1|1[.]0"';
const READS = 'route=~"/checkpoint|/tile/[*]|/entry/[*]|/receipt/[*]|/proof/[*]|/lookup/[*]"';
const REQUESTS = "bristlecone_http_requests_total";
const DURATION = "bristlecone_http_request_duration_seconds";

export const OBJECTIVES: readonly Objective[] = [
  {
    id: "add_errors",
    alert: "LogAddErrors",
    goal: 0.999,
    bad: (span) => `${BY} (rate(${REQUESTS}{${ADDS},code=~"5.."}[${span}]))`,
    all: (span) => `${BY} (rate(${REQUESTS}{${ADDS},code=~"2..|5.."}[${span}]))`,
    words: {
      summary: "Entries are answered with errors of the log's side",
      meaning:
        "More adds end in 500 or 503 than one in a thousand allows. Nothing that was answered with an index is lost; submitters retry, or lose entries if they do not. Refusals for full pools (429) and for tokens (401, 403) do not count here.",
      look: [
        "the panel “Answers of adds by code” on the on-call dashboard: 503 or 500?",
        "`curl -s http://127.0.0.1:6963/readyz`: the code, and the reason in its message",
        "the log lines: `turned read-only`, `request failed`, `nearly full`",
      ],
      act: [
        "503 with the code SPACE_LOW: the page of LogSpaceLow; SIGNER_FAILED: LogCannotSign; LOG_READ_ONLY: LogReadOnly",
        "500: the log line has the cause; a damaged store is the page of LogScrubFound",
      ],
    },
  },
  {
    id: "add_slow",
    alert: "LogAddSlow",
    goal: 0.99,
    bad: (span) =>
      `${BY} (rate(${DURATION}_count{${PROMPT_ADDS}}[${span}])) - ${BY} (rate(${DURATION}_bucket{${PROMPT_ADDS},${WITHIN_A_SECOND}}[${span}]))`,
    all: (span) => `${BY} (rate(${DURATION}_count{${PROMPT_ADDS}}[${span}]))`,
    words: {
      summary: "Adds take longer than a second",
      meaning:
        "More than one add in a hundred is answered after more than a second. An answer waits for the disk and for the batch before it, so this is a slow disk, a busy processor or too many entries. Adds that wait for a receipt do not count here.",
      look: [
        "“Commit” beside “Add” on the on-call dashboard: as slow → the disk; much faster → the queue or the processor",
        "“Pending entries”, “Event loop lag” and “Processor” on the debug dashboard",
        "`iostat -x 5`: the wait for writes of the log's disk; `cat /sys/block/*/queue/read_ahead_kb` (deploy/README.md, Logs larger than memory)",
      ],
      act: [
        "a noisy neighbour or a backup on the same disk: move or slow it",
        "a full processor: `serve --readers N` (docs/operator.md, Room, cores, containers); limit writers by their tokens",
        "a log that outgrew its memory: more memory, or a faster disk",
      ],
    },
  },
  {
    id: "read_errors",
    alert: "LogReadErrors",
    goal: 0.999,
    bad: (span) => `${BY} (rate(${REQUESTS}{${READS},code=~"5.."}[${span}]))`,
    all: (span) => `${BY} (rate(${REQUESTS}{${READS},code=~"2..|304|5.."}[${span}]))`,
    words: {
      summary: "Reads are answered with errors of the log's side",
      meaning:
        "More reads of checkpoints, tiles, entries, receipts or proofs end in 500 or 503 than one in a thousand allows. Verifiers and monitors cannot go on, and will say so in public.",
      look: [
        "the log lines `request failed` and `the scrub found`: STORE_DAMAGED names the place",
        "`bristlecone fsck DATA`: everything that is wrong, while the log goes on",
        "503 SERVER_BUSY alone: more bundles are on their way than memory allows",
      ],
      act: [
        "damage: the page of LogScrubFound",
        "SERVER_BUSY: put a cache in front (deploy/README.md), for tiles and bundles never change",
      ],
    },
  },
];

/** Of recorded rates: what windows of the burn rates look at. */
export const WINDOWS = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"] as const;

/** A recorded series: rates of bad requests, or of all. */
export function recordedName({ id }: Objective, which: "bad" | "all", window: string): string {
  return `bristlecone:${id}:${which}_rate${window}`;
}

/**
 * The share of good requests in the 30 days before: of requests, not of hours, so that an idle one counts nothing. Of the shortest
 * windows, since longer ones go on counting what happened before them.
 */
export function shareOfGood(objective: Objective, selector: string): string {
  const sum = (which: "bad" | "all") =>
    `sum_over_time(${recordedName(objective, which, WINDOWS[0])}{${selector}}[30d])`;
  return `1 - ${sum("bad")} / (${sum("all")} > 0)`;
}

/** How many times too fast to last a month an hour's bad requests are. */
export function burning(objective: Objective, selector: string): string {
  const rateOf = (which: "bad" | "all") => `${recordedName(objective, which, "1h")}{${selector}}`;
  return `${rateOf("bad")} / (${rateOf("all")} > 0) / ${budgetOf(objective)}`;
}

/** So many bad requests in an hour, or six, or a day: one failure in the quiet of a night wakes nobody. */
const LEAST_BAD = 10;

/** Burning so many times faster than would last 30 days: 14.4 spends 2 % in an hour, 6 spends 5 % in six, 3 a tenth in a day. */
const BURNS = {
  page: [
    { factor: 14.4, long: "1h", short: "5m" },
    { factor: 6, long: "6h", short: "30m" },
  ],
  ticket: [
    { factor: 3, long: "1d", short: "2h" },
    { factor: 1, long: "3d", short: "6h" },
  ],
} as const;

export const OBJECTIVE_ALERTS: readonly AlertRow[] = OBJECTIVES.flatMap((objective) => [
  burnAlert(objective, "page"),
  burnAlert(objective, "ticket"),
]);

function burnAlert(objective: Objective, severity: "page" | "ticket"): AlertRow {
  const { alert, words } = objective;
  const rateOf = (which: "bad" | "all", window: string) => recordedName(objective, which, window);
  const share = (window: string) => `${rateOf("bad", window)} / ${rateOf("all", window)}`;
  const budget = budgetOf(objective);
  const isPage = severity === "page";
  const expr = ({ span }: Times) => {
    const burns = BURNS[severity].map(({ factor, long, short }) => {
      const limit = Number((factor * budget).toFixed(6));
      const enough = `${rateOf("bad", long)} * ${secondsIn(span(long))} > ${LEAST_BAD}`;
      return `(${share(long)} > ${limit} and ${share(short)} > ${limit} and ${enough})`;
    });
    return burns.join("\nor\n");
  };
  const isLatency = objective.id === "add_slow";
  const route = objective.id === "read_errors" ? "/checkpoint" : "/add";
  const at = `job="bristlecone-log",instance="a"`;
  return {
    ...words,
    name: isPage ? `${alert}Fast` : `${alert}Budget`,
    severity,
    expr,
    summary: `${words.summary}: ${isPage ? "the month's allowance is going within days" : "faster than the month's allowance lasts"}`,
    example: isLatency
      ? {
          [`${DURATION}_count{${at},route="${route}"}`]: "0+100x200",
          [`${DURATION}_bucket{${at},route="${route}",le="1"}`]: isPage ? "0+50x200" : "0+96x200",
        }
      : {
          [`${REQUESTS}{${at},route="${route}",code="200"}`]: "0+1000x200",
          [`${REQUESTS}{${at},route="${route}",code="500"}`]: isPage ? "0+50x200" : "0+4x200",
        },
    exampleAt: "30m",
  };
}

/** The share that may be bad. */
function budgetOf({ goal }: Objective): number {
  return Number((1 - goal).toFixed(6));
}

function secondsIn(span: string): string {
  const [, count = "0", unit = "s"] = /^(\d+)(ms|s|m|h|d)$/.exec(span) ?? [];
  const factor = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1;
  return String(Number(count) * factor);
}
