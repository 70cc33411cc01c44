import type { CommandDefinition } from "./command.ts";

/** A command by what the help says of it; its code is loaded when it is called. */
export interface CommandEntry {
  readonly summary: string;
  load(): Promise<CommandDefinition>;
}

/** What the first words of two-word commands stand for. */
export const GROUPS: Readonly<Record<string, string>> = Object.freeze({
  conformance: "test any log or witness against the C2SP documents, from outside",
  evidence: "show that a log or a witness broke its word",
  policy: "look at C2SP tlog-policy files",
  token: "write tokens for clients",
  webhook: "receivers that a log tells",
});

/** Every command by the words that call it, in the order the help shows them. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = Object.freeze({
  serve: {
    summary: "run a log: made on first start, continued afterwards; Ctrl-C ends it cleanly",
    load: async () => (await import("./serve.ts")).serve,
  },
  freeze: {
    summary: "end a log: its last checkpoint says so, it takes no more entries, and is served for ever",
    load: async () => (await import("./freeze.ts")).freeze,
  },
  rotate: {
    summary:
      "replace a log's signing key: the old one vouches for it, and clients that follow the log learn it",
    load: async () => (await import("./rotate.ts")).rotate,
  },
  fsck: {
    summary: "check every byte of a log against what it signed, and name what is wrong; it may be running",
    load: async () => (await import("./fsck.ts")).fsck,
  },
  doctor: {
    summary:
      "look at all that a log runs on, from its keys to what readers see, and say what to do; writes nothing",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  drill: {
    summary:
      "rehearse on copies of a log: crash, old backup, fork, lost witness, full disk, key change; and report",
    load: async () => (await import("./drill.ts")).drill,
  },
  witness: {
    summary: "run a witness: cosign what logs show everybody, hold evidence against those that forked",
    load: async () => (await import("./witness.ts")).witness,
  },
  add: {
    summary: "append entries: whole files, or the lines or paragraphs of files or of standard input",
    load: async () => (await import("./add.ts")).add,
  },
  receipt: {
    summary: "fetch the receipt of an entry, verify it, and print or save it",
    load: async () => (await import("./receipt.ts")).receipt,
  },
  verify: {
    summary: "check offline that an entry is in a log, by its receipt and a key or policy you trust",
    load: async () => (await import("./verify.ts")).verify,
  },
  get: {
    summary: "print the bytes of one entry, checked against the log's signed head",
    load: async () => (await import("./get.ts")).get,
  },
  cat: {
    summary: "print entries in order, every one checked against the log's signed head",
    load: async () => (await import("./cat.ts")).cat,
  },
  tail: {
    summary: "print the last entries, then every new one, each checked; Ctrl-C ends it",
    load: async () => (await import("./tail.ts")).tail,
  },
  monitor: {
    summary: "follow one or many logs, verify every head and entry, and tell what is wrong or wanted",
    load: async () => (await import("./monitor.ts")).monitor,
  },
  "monitor recheck": {
    summary: "that bytes which a monitor kept are not those that the log signed",
    load: async () => (await import("./monitor-recheck.ts")).monitorRecheck,
  },
  "monitor status": {
    summary: "what a monitor has seen, from what it wrote down",
    load: async () => (await import("./monitor-status.ts")).monitorStatus,
  },
  checkpoint: {
    summary: "fetch the log's checkpoint, verify it, and demand that it continues the one seen last",
    load: async () => (await import("./checkpoint.ts")).checkpoint,
  },
  consistency: {
    summary: "prove that the tree of one saved checkpoint is the beginning of the tree of another",
    load: async () => (await import("./consistency.ts")).consistency,
  },
  keys: {
    summary: "verify a log's history of keys offline, and show its changes",
    load: async () => (await import("./keys.ts")).keys,
  },
  "policy check": {
    summary: "check a C2SP tlog-policy file and say what it demands",
    load: async () => (await import("./policy-check.ts")).policyCheck,
  },
  "evidence verify": {
    summary: "check offline that a .tlog-evidence file convicts a log or a witness, and say of what",
    load: async () => (await import("./evidence-verify.ts")).evidenceVerify,
  },
  "evidence build": {
    summary: "make evidence of two checkpoints or receipts of one log that cannot both be honest",
    load: async () => (await import("./evidence-build.ts")).evidenceBuild,
  },
  "conformance log": {
    summary: "test a log that serves C2SP tlog-tiles: only reads, slowly, and a table at the end",
    load: async () => (await import("./conformance-log.ts")).conformanceLog,
  },
  "conformance witness": {
    summary: "test a C2SP tlog-witness with logs of the tester's own, and a table at the end",
    load: async () => (await import("./conformance-witness.ts")).conformanceWitness,
  },
  keygen: {
    summary: "make a signing key and print its verifier key",
    load: async () => (await import("./keygen.ts")).keygen,
  },
  "token new": {
    summary: "make a write token for a client, and its line for `serve --tokens`",
    load: async () => (await import("./token-new.ts")).tokenNew,
  },
  "webhook test": {
    summary: "send receivers of `serve --webhooks` one signed message, and say what came back",
    load: async () => (await import("./webhook-test.ts")).webhookTest,
  },
  backup: {
    summary: "copy a log's data while it runs, and verify every entry of the copy",
    load: async () => (await import("./backup.ts")).backup,
  },
  restore: {
    summary: "put a backup back, and say whether the log's guard accepts it",
    load: async () => (await import("./restore.ts")).restore,
  },
  export: {
    summary: "write what a log published as static files that any web server serves; again: what is new",
    load: async () => (await import("./export.ts")).exportFiles,
  },
  explorer: {
    summary: "write the web page that verifies a log in the reader's browser, for any web server",
    load: async () => (await import("./explorer.ts")).explorer,
  },
  import: {
    summary: "make a data directory of any tlog-tiles log, or fetch what one lacks, every entry verified",
    load: async () => (await import("./import.ts")).importEntries,
  },
  repair: {
    summary: "make a whole data directory of a damaged one, with the help of mirrors",
    load: async () => (await import("./repair.ts")).repair,
  },
  "witness add-log": {
    summary: "let a witness cosign for one more log, or give a known one another key",
    load: async () => (await import("./witness-add-log.ts")).witnessAddLog,
  },
  "witness remove-key": {
    summary: "cosign no more what one key of a log signs: it was replaced, or leaked",
    load: async () => (await import("./witness-remove-key.ts")).witnessRemoveKey,
  },
  "witness logs": {
    summary: "list the logs of a witness, and how far it is with each",
    load: async () => (await import("./witness-logs.ts")).witnessLogs,
  },
  "witness show": {
    summary: "show one log of a witness: keys, newest head, evidence",
    load: async () => (await import("./witness-logs.ts")).witnessShow,
  },
  "witness disable": {
    summary: "stop cosigning for a log, and keep what there is",
    load: async () => (await import("./witness-disable.ts")).witnessDisable,
  },
  "witness enable": {
    summary: "go on cosigning for a disabled log",
    load: async () => (await import("./witness-disable.ts")).witnessEnable,
  },
});
