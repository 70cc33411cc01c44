/** What somebody gets up for. */
import { type AlertRow, happened } from "./alert.ts";

const LOG = 'job="bristlecone-log",instance="a"';
const WITNESS = 'job="bristlecone-witness",instance="a"';
const READYZ = "`curl -s http://127.0.0.1:6963/readyz` on its machine";
const WITNESS_READYZ = "`curl -s http://127.0.0.1:6965/readyz` on its machine";

export const PAGE_ALERTS: readonly AlertRow[] = [
  {
    name: "BristleconeDown",
    severity: "page",
    expr: () => `up{job=~"bristlecone-.*"} == 0`,
    for: "2m",
    summary: "{{ $labels.job }} {{ $labels.instance }} does not answer",
    meaning:
      "Prometheus cannot read the admin listener. Either the process is gone or hangs, or only the way to it is broken. While a log is down nothing is lost that was answered; readers behind a cache go on with what it holds.",
    look: [
      `${READYZ} (a witness: 6965, a monitor: 6966)`,
      "`systemctl status 'bristlecone-*'`, and `journalctl -n 100 -u 'bristlecone-*'`: a refusal to start says why and lists the ways out",
      "the machine itself: memory (`dmesg | grep -i oom`), disk, network",
    ],
    act: [
      "start it again; a start goes on from what is on disk and holds it against the guard",
      "GUARD_AHEAD, LOG_ROLLED_BACK, LOG_CONTRADICTED: do not use --recreate-guard to get it up; follow what the refusal lists",
    ],
    example: { [`up{${LOG}}`]: "1 0x10" },
    exampleAt: "5m",
  },
  {
    name: "LogReadOnly",
    severity: "page",
    expr: () => `bristlecone_log_state{state="read-only"} == 1`,
    summary: "The log takes no entries and signs nothing until it is restarted",
    meaning:
      "A write to disk or to the guard failed, or something contradicted what was signed. The log stopped by itself before it could promise what it may not keep; readers are served. It does not come back without a restart.",
    look: [
      `${READYZ}: code and message`,
      "the log line `the log is read-only now`, and its reason",
      "`df -h`, `dmesg`, SMART values of the disks of data and of guard",
    ],
    act: [
      "reason LOG_ROLLED_BACK or LOG_CONTRADICTED: stop here, the page of LogContradicted comes first",
      "reason STORE_FULL: raise --max-data-bytes, then restart; with the same limit a restart helps for a few entries",
      "a full disk: make room, then restart; a failing disk: restore on another one (deploy/README.md)",
      "after a crash of the disk: `bristlecone fsck DATA` before the restart",
    ],
    example: { [`bristlecone_log_state{${LOG},state="read-only"}`]: "0 1x5" },
    exampleAt: "3m",
  },
  {
    name: "LogContradicted",
    severity: "page",
    expr: () => `bristlecone_log_read_only_info{code=~"LOG_ROLLED_BACK|LOG_CONTRADICTED"} == 1`,
    summary: "Something signed with this log's key is not in this log: a second server, or a fork",
    meaning:
      "A place where readers see the log, or a witness, shows a head that this process did not sign or that has another root. Another server signs with this key, most likely on a copy of the data; or the key leaked. The log stopped signing. Two histories under one key can be proved to anybody, for ever.",
    look: [
      "the log line: who shows what, which sizes",
      "every machine that ever had the key: is a second server running?",
      "`curl -s PUBLIC-URL/checkpoint` and the witnesses' checkpoints: which history did readers see?",
    ],
    act: [
      "stop every server of this log but the one whose history readers and witnesses saw",
      "keep all data directories and guards as they are: they are evidence",
      "two different roots at one size are out: publish the evidence (`bristlecone evidence build ONE OTHER --log-key VKEY`; of heads of two sizes with --log and the address of the larger), freeze the log, name a successor with a new key (docs/operator.md, End it)",
      "a leaked key: deploy/key-leak.md, from its first line on",
    ],
    example: { [`bristlecone_log_read_only_info{${LOG},code="LOG_ROLLED_BACK"}`]: "_ 1x5" },
    exampleAt: "3m",
  },
  {
    name: "LogSpaceLow",
    severity: "page",
    expr: () => `bristlecone_log_state{state="space-low"} == 1`,
    for: "1m",
    summary: "The log turns entries away: less is free on its disk than must be",
    meaning:
      "Less than --min-free-bytes is free. What was taken is safe, heads are signed and served, and entries are taken again by themselves when there is an eighth more room.",
    look: [
      `${READYZ}: what is free, and what must be`,
      "`df -h`, and `du -sh` of what else lies on that disk",
      "“Storage” on the executive dashboard: how fast does it grow?",
    ],
    act: [
      "remove what does not belong to the log, or grow the volume: no restart is needed",
      "do not lower --min-free-bytes to win time: a commit that meets a full disk ends all writing",
    ],
    example: { [`bristlecone_log_state{${LOG},state="space-low"}`]: "0 1x5" },
    exampleAt: "4m",
  },
  {
    name: "LogCannotSign",
    severity: "page",
    expr: () => `bristlecone_log_state{state="signer-failed"} == 1`,
    summary: "The log turns entries away: its key has not signed for a minute",
    meaning:
      "The agent, the token or the machine that holds the key does not answer, or refuses. What was taken is safe and waits for its checkpoint; readers are served the last one. The key is asked again every few seconds, and entries are taken again by themselves once it signs.",
    look: [
      "the log line `signing failed`: its reason",
      "`ssh-add -l`, or `pkcs11-tool -L`, as the user of the log",
    ],
    act: [
      "bring agent or token back, unlock it, give the user of the log access: no restart is needed",
      "a key that is lost for good: it cannot even freeze the log; name a successor out of band (deploy/keys.md)",
    ],
    example: { [`bristlecone_log_state{${LOG},state="signer-failed"}`]: "0 1x5" },
    exampleAt: "3m",
  },
  {
    name: "LogDiskFullSoon",
    severity: "page",
    expr: ({ span, seconds }) =>
      `predict_linear(bristlecone_storage_free_bytes[${span("1h")}], ${seconds("4h")}) < on (job, instance) bristlecone_log_min_free_bytes and on (job, instance) bristlecone_log_state{state="space-low"} == 0`,
    for: "15m",
    summary: "In four hours entries will be turned away: the log's disk fills up",
    meaning: "At the pace of the last hour less will be free in four hours than --min-free-bytes.",
    look: [
      "`du -sh` of the data directory and its neighbours: is it the log that grows?",
      "“Entries a second” by route: who writes so much?",
    ],
    act: [
      "another program: stop it; a writer out of control: take its token's rate down (the file is read again by itself)",
      "grow the volume",
    ],
    example: {
      [`bristlecone_storage_free_bytes{${LOG}}`]: "1000-5x180",
      [`bristlecone_log_min_free_bytes{${LOG}}`]: "100x180",
      [`bristlecone_log_state{${LOG},state="space-low"}`]: "0x180",
    },
    exampleAt: "90m",
  },
  {
    name: "LogNotPublishing",
    severity: "page",
    expr: ({ seconds }) => `bristlecone_log_unpublished_age_seconds > ${seconds("2m")}`,
    for: "1m",
    summary: "Entries have been waiting for a checkpoint for minutes",
    meaning:
      "Entries are durable and have their index, but no checkpoint that readers see covers them: there are no receipts. Witnesses are away, the signer fails, or storage does.",
    look: [
      `${READYZ}: quorum and status`,
      "whether LogQuorumMissing, LogSignerFailing or LogReadOnly fires too: then its page",
      "“Publication” on the debug dashboard: which stage is slow?",
    ],
    act: [
      "follow the page of the alert that names the cause",
      "none of them: restart the log, and keep its log lines for a report",
    ],
    example: { [`bristlecone_log_unpublished_age_seconds{${LOG}}`]: "0 30+60x10" },
    exampleAt: "8m",
  },
  {
    name: "LogQuorumMissing",
    severity: "page",
    expr: () => "bristlecone_log_quorum_missing == 1",
    for: "5m",
    summary: "No quorum of witnesses cosigns the log's heads",
    meaning:
      "Too many witnesses are away, or refuse. In strict mode readers keep the last checkpoint and nobody gets a receipt; entries are still taken. In best-effort mode heads are shown that clients with the policy do not accept.",
    look: [
      `${READYZ}: quorum.failing has each witness with code and message`,
      "“Witnesses” on the on-call dashboard: since when, all at once or one by one? All at once is this side's network",
      "a code SIZE_CONFLICT or ROOT_MISMATCH: they know another history; look at LogContradicted",
    ],
    act: [
      "REMOTE_UNREACHABLE or REMOTE_TIMEOUT for all: outbound network, DNS, proxy of this machine",
      "for some: call their operators; the policy has their names",
      "403 LOG_FROZEN: that witness holds evidence against this log; read it at its `/HASH/evidence` before anything else, where HASH is what `printf %s ORIGIN | sha256sum` says",
    ],
    example: { [`bristlecone_log_quorum_missing{${LOG}}`]: "0 1x10" },
    exampleAt: "8m",
  },
  {
    name: "LogScrubFound",
    severity: "page",
    expr: () => "bristlecone_log_scrub_findings > 0",
    summary: "Bytes of the log on disk are not what was signed",
    meaning:
      "The scrub read entries, tiles or rows that do not fit the signed head. They are withheld, not served as good. A bit flipped, a disk lies, or somebody changed the file.",
    look: [
      "the log line `the scrub found`: where, what, corruption or tampering",
      "`bristlecone fsck DATA --vkey VKEY`: all of it, with what brings it back, and how long that took",
      "the disk: SMART values, `dmesg`",
    ],
    act: [
      "choose the hour: what is wrong is withheld, all else is served and entries are taken, and repair wants the log stopped for about as long as `fsck` took",
      "stop it, then `bristlecone repair --data DATA --from MIRROR --vkey VKEY --guard GUARD` writes a whole directory beside the damaged one; MIRROR is a URL or a folder with its tiles elsewhere; of a backup, `bristlecone export MIRROR --data BACKUP` makes one",
      "do the two `mv` that repair prints, give the directory to the user of the log, start it",
      "tampering, or more than one place: another machine, and find out who had access",
    ],
    example: { [`bristlecone_log_scrub_findings{${LOG}}`]: "0 1x5" },
    exampleAt: "3m",
  },
  {
    name: "LogReadersDown",
    severity: "page",
    expr: () => "bristlecone_log_readers_up == 0 and on (job, instance) bristlecone_log_readers_wanted > 0",
    for: "1m",
    summary: "No reader process listens: the log cannot be reached",
    meaning:
      "With --readers all public connections are theirs. All of them ended or cannot start; the writer goes on without anybody to hear.",
    look: [
      "the log lines `a reader ended`: the message has its last words",
      "memory and file descriptors of the machine; the room in TMPDIR, where their socket lies",
    ],
    act: [
      "mend what the message says; readers are started again by themselves, at most every ten seconds",
      "or restart with --readers 0: slower, and up",
    ],
    example: {
      [`bristlecone_log_readers_up{${LOG}}`]: "2 0x10",
      [`bristlecone_log_readers_wanted{${LOG}}`]: "2x10",
    },
    exampleAt: "4m",
  },
  {
    name: "WitnessReadOnly",
    severity: "page",
    expr: () => `bristlecone_witness_state{state="read-only"} == 1`,
    summary: "The witness cosigns nothing until it is restarted",
    meaning:
      "A write of the witness failed, so it stopped before it could sign what it might forget. Logs that need it for their quorum stop publishing.",
    look: [WITNESS_READYZ, "the log line `the witness signs no more`", "`df -h`, `dmesg`"],
    act: [
      "make room or mend the disk, then restart: it goes on from what is on disk, held against its guard",
      "tell the operators of the logs if it takes longer than an hour",
    ],
    example: { [`bristlecone_witness_state{${WITNESS},state="read-only"}`]: "0 1x5" },
    exampleAt: "3m",
  },
  {
    name: "MonitorAlarm",
    severity: "page",
    expr: () => "sum by (job, instance, kind) (bristlecone_monitor_alarms) > 0",
    summary: "The monitor found something wrong with a log: {{ $labels.kind }}",
    meaning:
      "A log that the monitor follows shows something that does not add up, or does not go on. It was told by the monitor's own alerts too, with the log's name; what proves it is kept.",
    look: [
      "`curl -s http://127.0.0.1:6966/status.json` on its machine, or / in a browser: which log, what, since when; without the monitor `bristlecone monitor status --state DIR`",
      "its evidence files: `bristlecone evidence verify FILE --log-key VKEY` says it in words",
    ],
    act: [
      "a fork: publish the evidence, tell the log's operator and its witnesses, trust no receipt that is newer than both heads agree",
      "a head that is old, or a quorum that is lost: ask the operator",
    ],
    example: { 'bristlecone_monitor_alarms{job="bristlecone-monitor",instance="a",kind="fork"}': "0 1x5" },
    exampleAt: "3m",
  },
  {
    name: "WitnessEvidence",
    severity: "page",
    expr: ({ span }) => happened("bristlecone_witness_evidence_total", span("1d")),
    summary: "The witness stored evidence that a log or a witness broke its word",
    meaning:
      "Somebody handed in, or the witness found, signed statements that cannot both be true. It was verified. A log that it convicts is cosigned no more. Anybody with the public key can check it.",
    look: [
      "the log line `broke its word, and this witness holds the evidence`: which log, which kind, and the id",
      "`curl -s WITNESS-URL/HASH/evidence` lists what is held, and /HASH/evidence/ID is the file; HASH is what `printf %s ORIGIN | sha256sum` says",
      "`bristlecone evidence verify FILE --log-key VKEY` says it in words",
    ],
    act: [
      "keep the file in a second place, and publish it: others need it to protect themselves",
      "tell the log's operator, and the other witnesses' operators",
      "do not enable the log again; it needs a new key and a new name",
    ],
    example: { [`bristlecone_witness_evidence_total{${WITNESS}}`]: "0 1x5" },
    exampleAt: "3m",
  },
];
