/** What somebody looks at within days, of a log. */
import { type AlertRow, happened } from "./alert.ts";

const LOG = 'job="bristlecone-log",instance="a"';
const READYZ = "`curl -s http://127.0.0.1:6963/readyz` on its machine";

export const LOG_TICKETS: readonly AlertRow[] = [
  {
    name: "LogQuorumThin",
    severity: "ticket",
    expr: () =>
      "bristlecone_log_quorum_margin < 1 and on (job, instance) min by (job, instance) (bristlecone_log_witness_up) == 0",
    for: "15m",
    summary: "A witness is away, and with the next one there is no quorum",
    meaning: "The quorum holds with nothing to spare. One witness more that fails stops publication.",
    look: [`${READYZ}: quorum.failing`, "“Quorum margin” on the executive dashboard: how often?"],
    act: [
      "the page of LogWitnessFailing for each that fails",
      "often: ask further witnesses, and raise the number of members rather than lower the threshold",
    ],
    example: {
      [`bristlecone_log_quorum_margin{${LOG}}`]: "0x30",
      [`bristlecone_log_witness_up{${LOG},witness="w1"}`]: "0x30",
    },
    exampleAt: "20m",
  },
  {
    name: "LogWitnessFailing",
    severity: "ticket",
    expr: () => "bristlecone_log_witness_up == 0",
    for: "1h",
    summary: "Witness {{ $labels.witness }} has given no cosignature that counts",
    meaning: "The others make the quorum. The longer it is away the less it can say about what readers saw.",
    look: [`${READYZ}: its code and message`, "`curl -s WITNESS-URL/witness.json` from another network"],
    act: [
      "unreachable: tell its operator",
      "SIGNATURE_INVALID or LOG_UNKNOWN: it has another key of yours, or you of it; compare vkeys with its operator",
      "403 LOG_FROZEN: read its evidence at once",
    ],
    example: { [`bristlecone_log_witness_up{${LOG},witness="w1"}`]: "0x90" },
    exampleAt: "70m",
  },
  {
    name: "LogWitnessClock",
    severity: "ticket",
    expr: ({ span }) => happened(`bristlecone_warnings_total{code="WITNESS_CLOCK_OFF"}`, span("1h")),
    summary: "A witness and this machine disagree about the time by more than an hour",
    meaning:
      "A cosignature states a time. Verifiers that ask for fresh ones refuse those of a clock that is behind.",
    look: ["the log line `states a time`: which witness, by how much", "`timedatectl` on this machine"],
    act: ["this machine's clock: mend time synchronisation", "the witness's: tell its operator"],
    example: { [`bristlecone_warnings_total{${LOG},code="WITNESS_CLOCK_OFF"}`]: "_x5 1x10" },
    exampleAt: "10m",
  },
  {
    name: "LogSignerFailing",
    severity: "ticket",
    expr: ({ span }) => `increase(bristlecone_log_signer_failures_total[${span("10m")}]) > 3`,
    summary: "The log's key does not sign",
    meaning:
      "The agent, the token or the machine that holds the key does not answer, or refuses, and is asked again. For a minute entries are taken that nothing is published of; then they are turned away, and LogCannotSign wakes somebody.",
    look: [
      "the log line `signing failed`: its reason",
      "`ssh-add -l`, or `pkcs11-tool -L`, as the user of the log",
      "“Signing” on the debug dashboard: was it slow before?",
    ],
    act: [
      "bring agent or token back: the log goes on by itself",
      "a key that is lost for good: freeze cannot be signed either; name a successor out of band (docs/operator.md, End it)",
    ],
    example: { [`bristlecone_log_signer_failures_total{${LOG}}`]: "0+60x20" },
    exampleAt: "12m",
  },
  {
    name: "LogServedUnchecked",
    severity: "ticket",
    expr: ({ seconds }) => `time() - bristlecone_log_served_check_timestamp_seconds > ${seconds("10m")}`,
    for: "5m",
    summary: "Nobody can see what readers are shown",
    meaning:
      "A place of --served-at does not answer, so that a second server with this key would go unnoticed. Readers may not reach the log either.",
    look: [
      "the log line `does not show what was signed`",
      "`curl -sv PUBLIC-URL/checkpoint` from this machine and from outside",
    ],
    act: ["mend proxy, DNS or certificate", "a place that is gone for good: take it off --served-at"],
    example: { [`bristlecone_log_served_check_timestamp_seconds{${LOG}}`]: "0x40" },
    exampleAt: "20m",
  },
  {
    name: "LogPoolFull",
    severity: "ticket",
    expr: ({ span }) => `increase(bristlecone_log_pool_refused_entries_total[${span("10m")}]) > 0`,
    for: "10m",
    summary: "Entries are turned away with 429: more come than are integrated",
    meaning:
      "As many entries wait as may. Submitters are told to come again; those that do not, lose entries.",
    look: [
      "“Pending entries” and “Commit” on the debug dashboard: slow commits, or just many entries?",
      "“Entries a second”: who writes so much?",
    ],
    act: [
      "slow commits: the page of LogAddSlowFast",
      "many small requests: have submitters use POST /add-batch; `serve --readers N`",
      "one writer: limit its token (--entries-per-second)",
    ],
    example: { [`bristlecone_log_pool_refused_entries_total{${LOG}}`]: "0+100x30" },
    exampleAt: "25m",
  },
  {
    name: "LogWritesRefused",
    severity: "ticket",
    expr: ({ span }) =>
      `sum by (job, instance) (rate(bristlecone_http_requests_total{route=~"/add|/add .receipt.|/add-batch",code=~"401|403"}[${span("10m")}])) > 1`,
    for: "10m",
    summary: "More than one write a second comes without a token that counts",
    meaning:
      "Somebody tries tokens, or a submitter goes on with one that was taken off the list or has expired.",
    look: [
      "403 or 401 in “Answers of adds by code”: with a wrong token, or with none",
      "the access log of the proxy in front: from where",
    ],
    act: [
      "an own service: give it a new token (`bristlecone token new`)",
      "a stranger: block it in front; tokens have 256 random bits, and trying them is of no use",
    ],
    example: { [`bristlecone_http_requests_total{${LOG},route="/add",code="403"}`]: "0+120x40" },
    exampleAt: "30m",
  },
  {
    name: "LogReaderMissing",
    severity: "ticket",
    expr: () => "bristlecone_log_readers_up < on (job, instance) bristlecone_log_readers_wanted",
    for: "10m",
    summary: "Fewer reader processes listen than should",
    meaning:
      "The others carry its share. One that ends is started again at once; one that cannot start is tried every ten seconds.",
    look: ["the log lines `a reader ended`: its last words", "memory and file descriptors of the machine"],
    act: ["mend what the message says", "a reader that crashes over and over: keep the lines for a report"],
    example: {
      [`bristlecone_log_readers_up{${LOG}}`]: "1x30",
      [`bristlecone_log_readers_wanted{${LOG}}`]: "2x30",
    },
    exampleAt: "20m",
  },
  {
    name: "LogDiskFullInDays",
    severity: "ticket",
    expr: ({ seconds }) => `bristlecone:storage_seconds_left < ${seconds("7d")}`,
    for: "1h",
    summary: "In less than a week entries will be turned away: the log's disk fills up",
    meaning:
      "At the pace of the last day, what is free above --min-free-bytes lasts for less than seven days.",
    look: [
      "“Days of storage left” on the executive dashboard",
      "`du -sh` of the data directory and its neighbours",
    ],
    act: [
      "grow the volume, or begin the log's successor",
      "a log never shrinks: old entries cannot be removed",
    ],
    example: {
      [`bristlecone_storage_free_bytes{${LOG}}`]: "1000000-1x320",
      [`bristlecone_log_min_free_bytes{${LOG}}`]: "995000x320",
    },
    exampleAt: "215m",
  },
  {
    name: "LogScrubOld",
    severity: "ticket",
    expr: ({ seconds }) => {
      const looked =
        "(bristlecone_log_scrub_last_pass_timestamp_seconds > 0 or bristlecone_log_scrub_began_timestamp_seconds)";
      return `time() - ${looked} > ${seconds("30d")}`;
    },
    for: "1h",
    summary: "The scrub has not gone through the whole log for a month",
    meaning:
      "Damage of the disk goes unnoticed for longer than it should. A log that grew, or a scrub that is slower than the log.",
    look: [
      "“Scrub” on the executive dashboard: how far, how fast",
      "findings: LogScrubFound; a pass with findings does not count",
    ],
    act: [
      "raise --scrub-bytes-per-second: the log's size divided by two weeks",
      "or run `bristlecone fsck` from a timer (deploy/README.md)",
    ],
    example: {
      [`bristlecone_log_scrub_last_pass_timestamp_seconds{${LOG}}`]: "0x90",
      [`bristlecone_log_scrub_began_timestamp_seconds{${LOG}}`]: "-3000000x90",
      [`process_start_time_seconds{${LOG}}`]: "0x90",
    },
    exampleAt: "70m",
  },
  {
    name: "LogWebhookFailing",
    severity: "ticket",
    expr: () => "bristlecone_log_webhook_up == 0",
    for: "15m",
    summary: "The receiver {{ $labels.webhook }} takes no messages",
    meaning:
      "What is published is not told there. Nothing is lost: messages are sent again, at most five minutes apart, and go on from where the receiver was left; one that answered 410 is sent nothing until the log starts again.",
    look: [
      "the log lines `webhook NAME`: the status it answered, or why it could not be reached",
      "“Webhooks” on the debug dashboard: since when, and how far it knows the log",
      "the receiver's own log",
    ],
    act: [
      "unreachable: its operator; DNS, certificate and firewall between this machine and its URL",
      "401 or 403: it does not take the signature; compare the secret in secretFile with the receiver's, and its clock",
      "410: it wants no more; take it out of the file of --webhooks, or restart the log once it does",
    ],
    example: { [`bristlecone_log_webhook_up{${LOG},webhook="ci"}`]: "0x30" },
    exampleAt: "20m",
  },
  {
    name: "LogKeyOld",
    severity: "ticket",
    expr: ({ seconds }) => `time() - bristlecone_log_key_since_timestamp_seconds > ${seconds("730d")}`,
    summary: "A key of the log has been in use for two years",
    meaning: "Nothing is wrong. The longer a key is used the more people and backups have seen it.",
    look: ["who had access to the key file and to its backups since"],
    act: [
      "plan its rotation, or the end of the log with a successor: both want time for those who pinned the key",
    ],
    example: { [`bristlecone_log_key_since_timestamp_seconds{${LOG},key="k"}`]: "-70000000x10" },
    exampleAt: "5m",
  },
];
