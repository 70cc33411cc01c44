import { RemoteRefusedError } from "../../client/errors.ts";
import { TlogError } from "../errors.ts";
import { type AddSummary, addEntries, type EntryDestination } from "./add-entries.ts";
import {
  addExamples,
  addSettings,
  type Call,
  type CommandDefinition,
  isFlagOn,
  onlyOneOf,
  textFlag,
} from "./command.ts";
import { checkSources, type EntrySources } from "./entry-source.ts";
import { grouped } from "./progress.ts";
import { openRemote, type Remote } from "./remote.ts";
import { WRITE_SETTINGS } from "./remote-settings.ts";

/** Large enough that the round trip does not count, small enough that little is repeated when one fails. */
const BATCH = Object.freeze({ maxEntries: 1024, maxBytes: 1024 * 1024 });
const MAX_IN_FLIGHT = 64;

const BYTES_HELP = `
Which bytes become an entry:
  FILE          every byte of the file
  --lines       each line without its newline (0x0a), also an empty line; a last line without a newline counts
  --paragraphs  each run of lines that are not empty, as in Debian's package index: the newlines inside belong to it,
                the last newline and the empty lines around it do not
An entry has at most 65,535 bytes. Files are read through once before anything is sent, so that a larger one is found
first; standard input cannot be. When the command ends, the log has said that every entry is durable, and a checkpoint that
covers them was verified; only a receipt proves more. Adding the same again changes nothing, unless the log allows duplicates.`;

/** `add`: appends entries to a log. */
export const add: CommandDefinition = {
  define(command) {
    command
      .argument("<files...>", "what to add; - for standard input")
      .option("--lines", "each line is an entry")
      .option("--paragraphs", "each paragraph is an entry")
      .option("--receipts <DIR>", "wait for every receipt, verify it, and save it as DIR/<index>.tlog-proof")
      .option("--skip-large", "leave out what is too large for an entry, and say so, instead of failing")
      .option(
        "--in-flight <N>",
        "batches under way at once; above 1 is faster and gives up the order (default: 1)",
      );
    addSettings(command, WRITE_SETTINGS);
    addExamples(command, [
      "bristlecone add release.tar.gz.sha256",
      "echo hello | bristlecone add --lines -",
      "apt-cache dumpavail | bristlecone add --paragraphs -",
    ]);
    command.addHelpText("after", BYTES_HELP);
  },
  async run(call) {
    const inFlight = inFlightOf(call);
    let skipped = 0;
    const skipLarge = (place: string): void => {
      skipped += 1;
      call.output.notice(`${place}: left out, it has more than 65535 bytes`);
    };
    const sources = sourcesOf(call, isFlagOn(call.flags, "skipLarge") ? skipLarge : undefined);
    const totals = await checkSources(sources);
    const remote = await openRemote(call, { writes: true });
    const destination: EntryDestination = {
      client: remote.client,
      limits: await batchLimits(remote),
      inFlight,
      receiptsDirectory: textFlag(call.flags, "receipts"),
    };
    const { origin } = remote.client;
    const added = await addEntries(call, { sources, totals, destination }).catch(sayHowToGiveToken);
    const summary = { origin, ...added, skipped };
    if (!summary.published)
      call.output.notice("durable, but no checkpoint that covers all of them was seen yet");
    await call.output.result({
      text: summaryText(summary),
      json: { summary },
    });
  },
};

function sayHowToGiveToken(error: unknown): never {
  if (!(error instanceof RemoteRefusedError) || error.problemCode !== "TOKEN_MISSING") throw error;
  const { message, status, problemCode, retryAfterMs } = error;
  const how = "ask its operator for one, and give it with --token-file or BRISTLECONE_TOKEN";
  throw new RemoteRefusedError({ message: `${message}; ${how}`, status, problemCode, retryAfterMs });
}

function sourcesOf({ args, flags, stdin }: Call, onTooLarge: EntrySources["onTooLarge"]): EntrySources {
  onlyOneOf(flags, ["lines", "paragraphs"]);
  if (args.filter((path) => path === "-").length > 1) {
    throw new TlogError("USAGE", "want standard input (-) once, it cannot be read twice");
  }
  const rule = isFlagOn(flags, "lines") ? "lines" : isFlagOn(flags, "paragraphs") ? "paragraphs" : "whole";
  return { paths: args, rule, stdin, onTooLarge };
}

function inFlightOf({ flags }: Call): number {
  const text = textFlag(flags, "inFlight") ?? "1";
  const count = /^[1-9][0-9]?$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_IN_FLIGHT) return count;
  throw new TlogError("USAGE", `--in-flight: want a number from 1 to ${MAX_IN_FLIGHT}, got ${text}`);
}

/** The log's own limits where they are smaller. */
async function batchLimits(remote: Remote): Promise<EntryDestination["limits"]> {
  const limits = (await remote.info())?.limits;
  const at = (name: string): number => {
    const value: unknown =
      typeof limits === "object" && limits !== null
        ? Object.entries(limits).find(([key]) => key === name)?.[1]
        : undefined;
    return typeof value === "number" && value >= 1 ? value : Number.POSITIVE_INFINITY;
  };
  return {
    maxEntries: Math.min(BATCH.maxEntries, at("maxBatchEntries")),
    maxBytes: Math.min(BATCH.maxBytes, at("maxBatchBytes")),
  };
}

function summaryText(summary: AddSummary & { readonly origin: string; readonly skipped: number }): string {
  const { origin, entries, added, skipped, receipts, elapsedMs } = summary;
  const known = entries - added;
  const parts = [`${grouped(added)} ${added === 1 ? "entry" : "entries"} added to ${origin}`];
  if (known > 0) parts.push(`${grouped(known)} already there`);
  if (skipped > 0) parts.push(`${grouped(skipped)} left out`);
  if (receipts > 0)
    parts.push(`${grouped(receipts)} ${receipts === 1 ? "receipt" : "receipts"} verified and saved`);
  return `${parts.join(", ")} (${(elapsedMs / 1000).toFixed(1)} s)`;
}
