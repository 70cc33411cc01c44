/** The settings of witnesses: of those that run here, and of those that a log asks. */
import { FILE, MAX_WAIT_MS, type Setting, SWITCH } from "./setting.ts";

/** More than one policy can hold in a readable way, and each is a store and a key. */
export const MAX_LOCAL_WITNESSES = 16;

export const WITNESS_ROWS = Object.freeze({
  name: {
    wanted: "a name: no spaces, no plus sign, such as witness.example/w1",
    placeholder: "NAME",
    help: "the witness's name, for its key at the first start (default: one made of the key)",
  },
  witnessedLogs: {
    flag: "log",
    wanted: "VKEY or 'VKEY URL': a log's verifier key, and where it can be read",
    placeholder: "VKEY-AND-URL",
    help: "'VKEY [URL…]': a log to cosign for; with URLs it is also read there; may be repeated, also for a second key of a log",
    repeatable: true,
  },
  logLists: {
    flag: "logList",
    wanted: "the http:// or https:// URL of a list in the logs/v0 format",
    placeholder: "URL",
    help: "a public list of logs that want witnesses: what is new on it is added; may be repeated",
    repeatable: true,
  },
  peers: {
    flag: "peer",
    wanted: "'VKEY URL': another witness's verifier keys, and its monitoring URL",
    placeholder: "VKEY-AND-URL",
    help: "'VKEY… URL': another witness, to compare heads with; may be repeated",
    repeatable: true,
  },
  pollInterval: {
    wanted: `a whole number of seconds from 1 to ${MAX_WAIT_MS / 1000}`,
    placeholder: "SECONDS",
    help: "how often logs are read, and what others show is compared",
    fallback: 60,
  },
  adoptOwnSignatures: {
    ...SWITCH,
    scope: "flag",
    help: "go on from what others show that this witness signed, where its own store is older",
    fallback: false,
  },
  localWitnesses: {
    wanted: `a whole number from 0 to ${MAX_LOCAL_WITNESSES}`,
    placeholder: "N",
    help: "run so many witnesses in this process, to try it out: one operator's witnesses prove nothing to others",
    fallback: 0,
  },
  witnessPolicy: {
    ...FILE,
    flag: "policy",
    help: "a C2SP tlog-policy file with this log and its witnesses: publish what their quorum cosigned",
  },
  quorumMode: {
    wanted: '"strict" or "best-effort"',
    placeholder: "MODE",
    help: "without a quorum, keep the last published checkpoint (strict), or publish all the same (best-effort)",
    fallback: "strict",
  },
  witnessTimeout: {
    wanted: "a whole number of milliseconds from 1 to 60000",
    placeholder: "MS",
    help: "longest time for one answer of a witness (default: 5000)",
  },
  witnessRefresh: {
    wanted: `a whole number of milliseconds from 1 to ${MAX_WAIT_MS}`,
    placeholder: "MS",
    help: "how old the cosignatures of an idle log get before they are asked for again (default: 300000)",
  },
  allowSharedParties: {
    ...SWITCH,
    help: "take a policy that counts one party more than once (see `policy check`)",
    fallback: false,
  },
} as const satisfies Readonly<Record<string, Setting>>);
