import type { LogEvents } from "../events.ts";
import { type LineFields, type LogLineOptions, lineWriter, onceASecond } from "./line-writer.ts";

/** Turns what the log engine reports into log lines. */
export function logLines(options: LogLineOptions): Required<LogEvents> {
  const line = lineWriter(options, "log");
  return {
    batchIntegrated: (event) => line("debug", "batch integrated", { ...indicesOf(event), ...event }),
    checkpointSigned: (event) => line("debug", "checkpoint signed", event),
    witnessCosigned: (event) => line("debug", "a witness cosigned", event),
    servedHeadsChecked: (event) => line("debug", "looked at what is served", event),
    checkpointPublished: (event) => line("debug", "checkpoint published", event),
    quorumMissing: ({ treeSize, missing }) =>
      line("warn", "no quorum of witnesses for the newest checkpoint", {
        treeSize,
        missing: missing.map(({ name, reason }) => `${name} (${reason})`).join(", "),
      }),
    quorumRecovered: (event) => line("info", "the quorum of witnesses is back", event),
    witnessFailed: ({ name, code, message }) =>
      line("warn", `no cosignature from witness ${name}: ${message}`, { code }),
    witnessRecovered: (event) => line("info", "a witness cosigns again", event),
    cosignaturesMerged: (event) => line("debug", "cosignatures added", event),
    poolFull: onceASecond(
      options.now,
      ({ count: _, ...held }, refused) =>
        line("warn", "pool full, entries turned away", { refused, ...held }),
      ({ count }) => count,
    ),
    spaceLow: (event) =>
      line("warn", "the disk is nearly full: entries are turned away until there is more room", {
        code: "SPACE_LOW",
        ...event,
      }),
    spaceBack: (event) => line("info", "the disk has room again: entries are taken", event),
    scrubProgressed: ({ entries, bytes, atEntry, treeSize }) =>
      line("debug", "scrub", { entries, bytes, atEntry, treeSize }),
    scrubPassed: ({ treeSize, findings, elapsedMs }) =>
      findings === 0
        ? line("info", "the scrub went through the whole log, and all of it is right", {
            treeSize,
            elapsedMs,
          })
        : line("warn", "the scrub went through the whole log, and not all of it is right", {
            treeSize,
            findings,
            elapsedMs,
          }),
    scrubFound: ({ where, detail, kind, cause }) =>
      line("error", `the scrub found bytes that are wrong: ${where}: ${detail}`, {
        code: "STORE_DAMAGED",
        kind,
        cause,
      }),
    webhookOpened: (event) => line("debug", "webhook opened", event),
    webhookDelivered: (event) => line("debug", "webhook delivered", event),
    webhookFailed: ({ name, code, message, failures }) =>
      line("warn", `webhook ${name}: ${message}`, { code, failures }),
    signerRecovered: (event) => line("info", "the log's key signs again", event),
    tokensReplaced: (event) => line("info", "the write tokens were read again", event),
    warning: ({ code, message }) => line("warn", message, { code }),
    requestFailed: ({ method, path, message, requestId }) =>
      line("error", `request failed: ${message}`, { requestId, method, path }),
    turnedReadOnly: ({ code, message, reason }) =>
      line("error", `the log is read-only now: ${message}`, { code, reason }),
  };
}

/** Where its entries are, so that an entry's index leads from its request to its batch. One of duplicates alone has none. */
function indicesOf({ treeSize, count }: { readonly treeSize: number; readonly count: number }): LineFields {
  return count === 0 ? {} : { firstIndex: treeSize - count, lastIndex: treeSize - 1 };
}
