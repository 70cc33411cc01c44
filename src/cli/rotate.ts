import { InvariantError, TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { openLogSigner } from "../keys/open-signer.ts";
import type { Log } from "../log/log.ts";
import type { NoteSigner } from "../server.ts";
import { logLines } from "../telemetry/log-lines.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import { decodeUtf8, encodeBase64 } from "../tlog/encoding.ts";
import { ED25519, formatVerifierKey, type KeyType } from "../tlog/key.ts";
import { isSameVerifierKey, type KeyChange } from "../tlog/key-change.ts";
import { KEY_HISTORY_PATH } from "../tlog/key-history.ts";
import { parseNote } from "../tlog/note.ts";
import { assertSettings } from "./checked-settings.ts";
import {
  addExamples,
  addSettings,
  type Call,
  type CommandDefinition,
  isFlagOn,
  textFlag,
} from "./command.ts";
import { localWitnesses, type Opening, openConfiguredLog, PLACE_SETTINGS } from "./configured-log.ts";
import { shellQuoted } from "./first-steps.ts";
import { keyOptions } from "./key-options.ts";
import { type DataPaths, dataPaths, openLogKeys } from "./serve-key.ts";
import { assertWitnessesAsked, WITNESS_SETTINGS } from "./serve-witnesses.ts";
import { lineOptions } from "./serving.ts";
import { keyChangeLines } from "./show-keys.ts";
import { assertLogThere, publishAll } from "./stopped-log.ts";

const OPTIONS = [
  ...PLACE_SETTINGS,
  ...WITNESS_SETTINGS,
  "localWitnesses",
  "servedAt",
  "logLevel",
  "logFormat",
] as const;

const WORDS = {
  data: "where the log lives (default: ./data)",
  key: "the log's signing key as it is now (default: the data directory + .key)",
  formerKey: "a key of an earlier change that goes on signing",
  witnessPolicy:
    "the policy file that the log is served with: its witnesses cosign the checkpoint with the new signature",
  servedAt: "where readers see this log: asked whether more was signed than is here; may be repeated",
};

/** `rotate`: replaces a log's keys. It cannot be taken back, so the log has to be named. */
export const rotate: CommandDefinition = {
  define(command) {
    command.argument("[ORIGIN]", "the log's name, to say that this log is meant");
    command.option("--new-key <KEY>", "the key that signs from now on, of the same name: as --key has it");
    command.option(
      "--new-ml-dsa-key <FILE>",
      "the same, in place of --ml-dsa-key, or as the first of its kind",
    );
    command.option(
      "--leaked",
      "somebody else has the key: heads that it signed elsewhere are told, and do not stop the change (deploy/key-leak.md)",
    );
    addSettings(command, OPTIONS, WORDS);
    addExamples(command, [
      "bristlecone keygen --origin example.com/log --out new.key",
      "bristlecone rotate example.com/log --data /var/lib/log --key old.key --new-key new.key --policy policy.txt",
      "bristlecone serve --data /var/lib/log --key new.key --former-key old.key --policy policy.txt",
    ]);
  },
  async run(call) {
    const config = await call.config();
    assertSettings(config, OPTIONS);
    assertWitnessesAsked(config);
    const paths = dataPaths(config);
    assertLogThere(paths);
    const signers = await openLogKeys(paths, { ...keyOptions(call, config), origin: config.value("origin") });
    const origin = signers[0]?.verifierKey.name ?? "";
    assertNamed(call.args[0], { origin, paths });
    const wanted = await newSigners(call, { signers, origin });
    const events = logLines(lineOptions(call, config));
    const local = await localWitnesses(call, { config, paths, signers: [...signers, ...wanted] });
    try {
      const opening = { config, paths, signers, local, events, isKeyLeaked: isFlagOn(call.flags, "leaked") };
      await publishAll(call, opening);
      const log = await openChanged(opening, wanted);
      const { checkpoint } = log.published();
      await log.close();
      await report(call, {
        log,
        checkpoint,
        paths,
        isWitnessed: config.value("witnessPolicy") !== undefined,
      });
    } finally {
      await local?.close();
    }
  },
};

function assertNamed(
  given: string | undefined,
  { origin, paths }: { readonly origin: string; readonly paths: DataPaths },
): void {
  if (given === origin) return;
  const got = given === undefined ? "" : `, got ${given}`;
  throw new TlogError(
    "USAGE",
    `this would replace the key of the log in ${paths.data} for ever: what the key signs alone nobody who learns of it believes any more. To replace it, give the log's name ${origin}${got}`,
  );
}

/** The log's keys from now on. @throws {TlogError} USAGE, and as `openLogSigner` */
async function newSigners(
  call: Call,
  { signers, origin }: { readonly signers: readonly NoteSigner[]; readonly origin: string },
): Promise<readonly NoteSigner[]> {
  const options = { ...keyOptions(call, await call.config()), name: origin };
  const kinds = [
    { type: ED25519, nameFlag: "--new-key", path: textFlag(call.flags, "newKey") },
    { type: ML_DSA_44, nameFlag: "--new-ml-dsa-key", path: textFlag(call.flags, "newMlDsaKey") },
  ] as const;
  if (kinds.every(({ path }) => path === undefined)) {
    throw new TlogError(
      "USAGE",
      `want --new-key KEY, --new-ml-dsa-key FILE, or both; make one with: bristlecone keygen --origin ${origin} --out new.key`,
    );
  }
  const wanted: NoteSigner[] = [];
  for (const { path, type, nameFlag } of kinds) {
    const held = currentOf(signers, type);
    if (path === undefined) {
      if (held !== undefined) wanted.push(held);
      continue;
    }
    const signer = await openLogSigner(path, { ...options, type, nameFlag });
    if (held !== undefined && isSameVerifierKey(held.verifierKey, signer.verifierKey)) {
      throw new TlogError("USAGE", `${nameFlag}: ${path} is the log's key already`);
    }
    wanted.push(signer);
  }
  return wanted;
}

/** The first of its type; others are former ones. */
function currentOf(signers: readonly NoteSigner[], type: KeyType): NoteSigner | undefined {
  return signers.find(({ verifierKey }) => verifierKey.type === type);
}

async function openChanged(opening: Opening, signers: readonly NoteSigner[]): Promise<Log> {
  const failures = new Map<string, string>();
  // What there is to warn of was told by the opening before.
  const events: LogEvents = { witnessFailed: ({ name, message }) => void failures.set(name, message) };
  const keyChange = { signers, atSeconds: Math.floor(Date.now() / 1000) };
  try {
    return await openConfiguredLog({ ...opening, events }, { keyChange });
  } catch (error) {
    if (!(error instanceof TlogError) || error.code !== "QUORUM_NOT_MET") throw error;
    const who = [...failures].map(([name, message]) => `\n  - ${name}: ${message}`).join("");
    throw new TlogError(
      "INCOMPLETE",
      `the log's keys are changed. Its checkpoint does not have the new signature yet, for too few witnesses cosigned that one:${who}\nStart serve with the new key and --former-key: it goes on asking them`,
      { cause: error },
    );
  }
}

async function report(
  call: Call,
  done: {
    readonly log: Log;
    readonly checkpoint: Uint8Array;
    readonly paths: DataPaths;
    readonly isWitnessed: boolean;
  },
): Promise<void> {
  const { log, checkpoint } = done;
  const change = log.keyHistory?.changes.at(-1);
  if (change === undefined) throw new InvariantError("a log whose keys were changed has no history of them");
  const { signatures } = parseNote(checkpoint);
  await call.output.result({
    text: [
      "KEYS CHANGED",
      `origin       ${log.origin}`,
      `tree size    ${change.treeSize}`,
      `root hash    ${encodeBase64(change.rootHash)}`,
      ...keyChangeLines(change),
      `signed by    ${signatures.map(({ name }) => name).join(", ")}`,
      "",
      "What to do now:",
      ...nextSteps(change, done, textFlag(call.flags, "newKey"), textFlag(call.flags, "newMlDsaKey")).map(
        (step, at) => `  ${at + 1}. ${step}`,
      ),
    ].join("\n"),
    json: {
      origin: log.origin,
      number: change.number,
      atSeconds: change.atSeconds,
      treeSize: change.treeSize,
      rootHash: encodeBase64(change.rootHash),
      oldKeys: change.oldKeys.map(formatVerifierKey),
      newKeys: change.newKeys.map(formatVerifierKey),
      checkpoint: decodeUtf8(checkpoint),
    },
  });
}

function nextSteps(
  change: KeyChange,
  { paths, isWitnessed }: { readonly paths: DataPaths; readonly isWitnessed: boolean },
  newKey: string | undefined,
  newMlDsaKey: string | undefined,
): readonly string[] {
  const flags = [
    `--key ${shellQuoted(newKey ?? paths.key)}`,
    ...(newKey === undefined ? [] : [`--former-key ${shellQuoted(paths.key)}`]),
    ...mlDsaFlags(paths.mlDsaKey, newMlDsaKey),
  ];
  const vkeys = change.newKeys.map(formatVerifierKey).map((vkey) => `'${vkey}'`);
  return [
    `Start serve as before, with ${flags.join(" ")}: then both sign. It refuses the old key alone.`,
    ...(isWitnessed
      ? [
          `Put ${vkeys.map((vkey) => `log ${vkey.slice(1, -1)}`).join(" and ")} into the policy file beside the old line, and have every witness add the key before the old one stops: bristlecone witness add-log ${vkeys[0]} --add-key`,
        ]
      : []),
    `Clients that follow the log learn of it at /${KEY_HISTORY_PATH}; tell everybody else the new verifier key: ${vkeys.join(" ")}`,
    "When they know it, leave the former key out of serve, and destroy it. If it leaked, do that at once: deploy/key-leak.md",
  ];
}

function mlDsaFlags(held: string | undefined, next: string | undefined): readonly string[] {
  const flag = next ?? held;
  if (flag === undefined) return [];
  const former = next === undefined || held === undefined ? [] : [`--former-ml-dsa-key ${shellQuoted(held)}`];
  return [`--ml-dsa-key ${shellQuoted(flag)}`, ...former];
}
