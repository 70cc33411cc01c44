import { TlogError } from "../errors.ts";
import type { CosignedHead, EvidenceEntry } from "../store/witness-store.ts";
import { encodeBase64 } from "../tlog/encoding.ts";
import { formatVerifierKey } from "../tlog/key.ts";
import { originHash } from "../tlog/origin-hash.ts";
import type { RosterLog } from "../witness/roster.ts";
import { addExamples, addSettings, type CommandDefinition } from "./command.ts";
import { grouped } from "./progress.ts";
import { DATA_WORDS, type WitnessDirectory, withWitnessDirectory } from "./witness-directory.ts";

/** `witness logs`: every log of a witness, and how far it is with each. */
export const witnessLogs: CommandDefinition = {
  define(command) {
    addSettings(command, ["data"], { data: DATA_WORDS });
    addExamples(command, ["bristlecone witness logs --data ./witness"]);
  },
  async run({ output, config }) {
    const { path, witness, logs } = await withWitnessDirectory(await config(), async (directory) => ({
      path: directory.path,
      witness: directory.reader?.name,
      logs: await statesOf(directory),
    }));
    const rows = logs.map((state) => [
      state.origin,
      state.head === undefined ? "-" : grouped(state.head.treeSize),
      timeOf(state.head) ?? "-",
      state.log?.source ?? "-",
      stateWords(state),
    ]);
    await output.result({
      text: table([["ORIGIN", "SIZE", "COSIGNED", "SOURCE", "STATE"], ...rows]),
      json: { witness, logs: logs.map(stateJson) },
    });
    if (witness === undefined) output.notice(`no witness has run in ${path} yet`);
    if (logs.some(({ log }) => log === undefined)) {
      output.notice("logs without a source are in the store only: removed, or named by the witness's flags");
    }
  },
};

/** `witness show`: one log, with its keys and evidence. */
export const witnessShow: CommandDefinition = {
  define(command) {
    command.argument("<origin>", "what the log's checkpoints start with");
    addSettings(command, ["data"], { data: DATA_WORDS });
    addExamples(command, ["bristlecone witness show example.com/log --data ./witness"]);
  },
  async run({ args, output, config }) {
    const origin = args[0] ?? "";
    const state = await withWitnessDirectory(await config(), (directory) => stateOf(directory, origin));
    if (state.log === undefined && state.head === undefined) {
      throw new TlogError("LOG_UNKNOWN", `${origin} is no log of this witness`);
    }
    await output.result({ text: stateLines(state).join("\n"), json: stateJson(state) });
  },
};

interface LogState {
  readonly origin: string;
  /** Undefined: the store knows it, the roster does not. */
  readonly log: RosterLog | undefined;
  readonly head: CosignedHead | undefined;
  readonly evidence: readonly EvidenceEntry[];
}

async function statesOf(directory: WitnessDirectory): Promise<readonly LogState[]> {
  const inStore = (await directory.reader?.origins()) ?? [];
  const origins = new Set([...directory.roster.logs().map(({ origin }) => origin), ...inStore]);
  const states: LogState[] = [];
  for (const origin of origins) states.push(await stateOf(directory, origin));
  return states;
}

async function stateOf({ reader, roster }: WitnessDirectory, origin: string): Promise<LogState> {
  return {
    origin,
    log: roster.find(origin),
    head: await reader?.head(origin),
    evidence: (await reader?.evidence(origin)) ?? [],
  };
}

function frozenBy({ evidence }: LogState): string | undefined {
  return evidence.find(({ convictsLog }) => convictsLog)?.id;
}

function stateWords(state: LogState): string {
  const frozen = frozenBy(state);
  if (frozen !== undefined) return `frozen by evidence ${frozen}`;
  if (state.log?.isDisabled) return "disabled";
  return state.head === undefined ? "waiting" : "cosigned";
}

function timeOf(head: CosignedHead | undefined): string | undefined {
  return head === undefined ? undefined : new Date(head.timestampSeconds * 1000).toISOString();
}

function stateLines(state: LogState): readonly string[] {
  const { origin, log, head, evidence } = state;
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["origin", origin],
    ["hash", originHash(origin)],
    ["state", stateWords(state)],
    ["source", log === undefined ? "the store only" : log.source],
    ["list", log?.listUrl],
    ["contact", log?.contact],
    ...(log?.logKeys ?? []).map((key) => ["key", formatVerifierKey(key)] as const),
    ...(log?.urls ?? []).map((url) => ["url", url] as const),
    ["limit", log?.queriesPerDay === undefined ? undefined : `${log.queriesPerDay} new heads a day`],
    ["tree size", head && grouped(head.treeSize)],
    ["root hash", head && encodeBase64(head.rootHash)],
    ["cosigned", timeOf(head)],
    ...evidence.map(({ id, kind }) => ["evidence", `${id} (${kind})`] as const),
  ];
  return lines.flatMap(([label, value]) => (value === undefined ? [] : [`${label.padEnd(10)} ${value}`]));
}

function stateJson(state: LogState): object {
  const { origin, log, head, evidence } = state;
  return {
    origin,
    originHash: originHash(origin),
    source: log?.source ?? null,
    disabled: log?.isDisabled ?? false,
    frozenBy: frozenBy(state) ?? null,
    vkeys: log?.logKeys.map(formatVerifierKey) ?? [],
    urls: log?.urls ?? [],
    queriesPerDay: log?.queriesPerDay ?? null,
    list: log?.listUrl ?? null,
    contact: log?.contact ?? null,
    treeSize: head?.treeSize ?? null,
    rootHash: head === undefined ? null : encodeBase64(head.rootHash),
    cosignedAt: timeOf(head) ?? null,
    evidence: evidence.map(({ id, kind }) => ({ id, kind })),
  };
}

/** Columns as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
