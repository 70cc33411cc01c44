/** What somebody looks at within days, of any server and of a witness. */
import { type AlertRow, happened } from "./alert.ts";

const LOG = 'job="bristlecone-log",instance="a"';
const WITNESS = 'job="bristlecone-witness",instance="a"';
const READYZ = "`curl -s http://127.0.0.1:6965/readyz` on its machine";
const RESTARTS = `process_start_time_seconds{job=~"bristlecone-.*"}`;

export const OTHER_TICKETS: readonly AlertRow[] = [
  {
    name: "BristleconeRestartsOften",
    severity: "ticket",
    expr: ({ span }) => `changes(${RESTARTS}[${span("1h")}]) > 2`,
    summary: "{{ $labels.job }} {{ $labels.instance }} restarted three times within an hour",
    meaning: "A supervisor brings it back each time, and something ends it each time.",
    look: [
      "`journalctl -u 'bristlecone-*'`: the last lines before each start, the exit code or the signal",
      "SIGKILL: memory (`dmesg | grep -i oom`); SIGBUS: the disk cannot read a page",
    ],
    act: [
      "out of memory: deploy/README.md, Memory",
      "the disk: `bristlecone fsck DATA` before anything else, then another disk",
    ],
    example: { [`process_start_time_seconds{${LOG}}`]: "1x5 2x5 3x5 4x40" },
    exampleAt: "30m",
  },
  {
    name: "BristleconeFilesRunOut",
    severity: "ticket",
    expr: () => `process_open_fds{job=~"bristlecone-.*"} / process_max_fds{job=~"bristlecone-.*"} > 0.8`,
    for: "5m",
    summary: "{{ $labels.job }} {{ $labels.instance }} has four fifths of its file descriptors in use",
    meaning:
      "Every connection takes one. When they run out no new connection is accepted, also not by Prometheus.",
    look: ["`ls -l /proc/PID/fd | awk '{print $NF}' | sort | uniq -c`: sockets, or files?"],
    act: [
      "raise LimitNOFILE of the unit above the connections the log takes (8192 a process)",
      "a proxy that keeps too many connections: limit it",
    ],
    example: { [`process_open_fds{${LOG}}`]: "900x20", [`process_max_fds{${LOG}}`]: "1024x20" },
    exampleAt: "10m",
  },
  {
    name: "BristleconeLoopSlow",
    severity: "ticket",
    expr: () => `nodejs_eventloop_lag_p99_seconds{job=~"bristlecone-.*"} > 0.25`,
    for: "10m",
    summary:
      "{{ $labels.job }} {{ $labels.instance }} makes everybody wait for a quarter of a second and more",
    meaning:
      "One thread serves all. Something holds it: pages that are read from a slow disk, a processor others use, garbage collection.",
    look: [
      "“Event loop lag” beside “Processor” on the debug dashboard: low processor means that it waits for pages from the disk",
      "steal time of a virtual machine (`vmstat 5`, column st)",
    ],
    act: [
      "pages: more memory, a faster disk, read-ahead of 128 (deploy/README.md, Logs larger than memory)",
      "processor: `serve --readers N`",
    ],
    example: { [`nodejs_eventloop_lag_p99_seconds{${LOG}}`]: "0.5x30" },
    exampleAt: "20m",
  },
  {
    name: "WitnessUnproven",
    severity: "ticket",
    expr: ({ span }) => happened(`bristlecone_witness_heads_compared_total{verdict="unproven"}`, span("1h")),
    summary: "A head is shown that nobody can prove to be of the same history, or of another",
    meaning:
      "A log or another witness shows a signed head that does not follow from this witness's own, and nobody serves the tree that would tell. It may become evidence.",
    look: [
      "the log line `a head nobody can prove or disprove`: of which log, shown by whom",
      "`bristlecone witness show ORIGIN --data DATA`",
    ],
    act: [
      "keep the head that is shown (`curl` it now): it is half of what evidence needs",
      "ask the log's operator, and the other witness's, to serve the tiles",
    ],
    example: { [`bristlecone_witness_heads_compared_total{${WITNESS},verdict="unproven"}`]: "0 1x10" },
    exampleAt: "5m",
  },
  {
    name: "WitnessRefuses",
    severity: "ticket",
    expr: ({ span }) =>
      `sum by (job, instance, code) (increase(bristlecone_witness_refused_total[${span("30m")}])) > 3`,
    summary: "A known log signs heads again and again that do not follow from its own: {{ $labels.code }}",
    meaning:
      "The log's signature is right, and its proof (PROOF_INVALID) or its root (ROOT_MISMATCH) is not: its tiles are damaged, or it forked and cannot be convicted of it yet.",
    look: ["the log line `not cosigned`: which log, why", "`bristlecone witness show ORIGIN --data DATA`"],
    act: [
      "tell the log's operator, who finds damage with `bristlecone fsck DATA`",
      "keep the head that it shows (`curl -s LOG-URL/checkpoint`): it is half of what evidence needs",
    ],
    example: { [`bristlecone_witness_refused_total{${WITNESS},code="PROOF_INVALID"}`]: "0+1x40" },
    exampleAt: "30m",
  },
  {
    name: "WitnessConflicts",
    severity: "ticket",
    expr: ({ span }) =>
      `sum by (job, instance, code) (rate(bristlecone_http_requests_total{job="bristlecone-witness",route="/add-checkpoint",code=~"409|429"}[${span("10m")}])) > 0.1`,
    for: "10m",
    summary: "A log asks this witness again and again for what it does not give: {{ $labels.code }}",
    meaning:
      "409 (SIZE_CONFLICT): a log asks from another size than the witness knows. Once is how a log learns the size; for minutes it is a log that was restored from an old backup, or two servers of one log. 429 (RATE_LIMITED): a log asks more often than was agreed.",
    look: [
      "`bristlecone witness logs --data DATA`: the size that it knows of each log, and when it cosigned it",
      "the access log of the proxy in front: who asks",
    ],
    act: [
      "409: tell the log's operator to look for a second server, and which size this witness knows",
      "429: raise the log's qpd (`bristlecone witness add-log VKEY --qpd N --data DATA`), or have the log ask less often",
    ],
    example: {
      [`bristlecone_http_requests_total{${WITNESS},route="/add-checkpoint",code="409"}`]: "0+30x40",
    },
    exampleAt: "30m",
  },
  {
    name: "WitnessErrors",
    severity: "ticket",
    expr: ({ span }) => {
      const route = 'job="bristlecone-witness",route=~"/add-checkpoint|/sign-subtree"';
      const rate = (code: string) =>
        `sum by (job, instance) (rate(bristlecone_http_requests_total{${route},code=~"${code}"}[${span("15m")}]))`;
      return `${rate("5..")} / ${rate("2..|5..")} > 0.05`;
    },
    for: "15m",
    summary: "One request in twenty to the witness ends in an error of its side",
    meaning:
      "Logs that ask it get no cosignature. 503 is a witness that is busy, read-only or whose clock is behind; 500 a failure.",
    look: [READYZ, "the log lines `request failed` and CLOCK_BEHIND"],
    act: [
      "read-only: the page of WitnessReadOnly",
      "CLOCK_BEHIND: mend time synchronisation",
      "CRYPTO_BUSY: fewer logs with ML-DSA-44 keys, or more cores",
    ],
    example: {
      [`bristlecone_http_requests_total{${WITNESS},route="/add-checkpoint",code="200"}`]: "0+60x60",
      [`bristlecone_http_requests_total{${WITNESS},route="/add-checkpoint",code="503"}`]: "0+30x60",
    },
    exampleAt: "45m",
  },
];
