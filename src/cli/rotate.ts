import type { Config } from "../config.ts";
import { InvariantError, TlogError } from "../errors.ts";
import { openLogSigner } from "../keys/open-signer.ts";
import type { Log } from "../log/log.ts";
import type { NoteSigner } from "../server.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import { decodeUtf8, encodeBase64 } from "../tlog/encoding.ts";
import { ED25519, formatVerifierKey, type KeyType } from "../tlog/key.ts";
import { isSameVerifierKey, type KeyChange } from "../tlog/key-change.ts";
import { KEY_HISTORY_PATH } from "../tlog/key-history.ts";
import { parseNote } from "../tlog/note.ts";
import {
  addExamples,
  addSettings,
  type Call,
  type CommandDefinition,
  isFlagOn,
  textFlag,
} from "./command.ts";
import { shellQuoted } from "./first-steps.ts";
import { keyOptions } from "./key-options.ts";
import { type DataPaths, openLogKeys } from "./serve-key.ts";
import { keyChangeLines } from "./show-keys.ts";
import { openForGood, STOPPED_LOG_SETTINGS, type StoppedLog, stoppedLog } from "./stopped-log.ts";

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
      "--new-passphrase-file <FILE>",
      "the passphrase of the new keys, where theirs is another one than --passphrase-file has",
    );
    command.option(
      "--leaked",
      "somebody else has the key: heads that it signed elsewhere are told, and do not stop the change (deploy/key-leak.md)",
    );
    addSettings(command, STOPPED_LOG_SETTINGS, WORDS);
    addExamples(command, [
      "bristlecone keygen --origin example.com/log --out new.key",
      "bristlecone rotate example.com/log --data /var/lib/log --key old.key --new-key new.key --policy policy.txt",
      "bristlecone serve --data /var/lib/log --key new.key --former-key old.key --policy policy.txt",
    ]);
  },
  async run(call) {
    const stopped = await stoppedLog(
      call,
      (data) =>
        `this would replace the key of the log in ${data} for ever: what the key signs alone nobody who learns of it believes any more. To replace it, give the log's name`,
    );
    const { config, paths } = stopped;
    const wanted = await newSigners(call, stopped);
    await assertOpensNext(call, stopped);
    const { log, checkpoint } = await openForGood(call, stopped, {
      options: { keyChange: { signers: wanted, atSeconds: Math.floor(Date.now() / 1000) } },
      newSigners: wanted,
      isKeyLeaked: isFlagOn(call.flags, "leaked"),
      unfinished: UNFINISHED,
    });
    const isWitnessed = config.value("witnessPolicy") !== undefined;
    await report(call, { log, checkpoint, config, paths, isWitnessed });
  },
};

const UNFINISHED = [
  "the log's keys are changed. Its checkpoint does not have the new signature yet, for too few witnesses cosigned that one:",
  "Start serve with the new key and --former-key: it goes on asking them",
] as const;

/** The log's keys from now on. @throws {TlogError} USAGE, and as `openLogSigner` */
async function newSigners(
  call: Call,
  { config, signers, origin }: StoppedLog,
): Promise<readonly NoteSigner[]> {
  const known = keyOptions(call, config);
  const newFile = textFlag(call.flags, "newPassphraseFile");
  const passphraseFiles = [...(newFile === undefined ? [] : [newFile]), ...known.passphraseFiles];
  const options = { ...known, passphraseFiles, name: origin };
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
  if (textFlag(call.flags, "newMlDsaKey") !== undefined)
    call.output.notice(
      "keep a copy of the ML-DSA-44 key: if it is lost, no key of the log can be changed again",
    );
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

/**
 * `serve` takes two passphrases, and a log may have come here with two already. Opens the keys as the next start will.
 * @throws {TlogError} USAGE
 */
async function assertOpensNext(call: Call, { config, paths, origin }: StoppedLog): Promise<void> {
  const next = newFlags(call);
  const held = config.value("passphraseFile");
  if (next.passphraseFile === undefined || held === undefined) return;
  if (config.value("formerPassphraseFile") === undefined) return;
  const passphraseFiles = [next.passphraseFile, held];
  // A service has nobody to ask.
  const options = { ...keyOptions(call, config), origin, passphraseFiles, ask: undefined };
  try {
    await openLogKeys(nextPaths(paths, next), options);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError(
      "USAGE",
      `nothing is changed: serve takes two passphrases, --passphrase-file and --former-passphrase-file, and could not open the log's keys with ${next.passphraseFile} and ${held}: ${cause.message}. Make the new key with a passphrase that another key has`,
      { cause },
    );
  }
}

/** Where the keys are from now on, as `serve` is told. */
function nextPaths(paths: DataPaths, next: NewKeyFlags): DataPaths {
  const isSecondNew = next.mlDsaKey !== undefined && paths.mlDsaKey !== undefined;
  return {
    ...paths,
    key: next.key ?? paths.key,
    formerKey: next.key === undefined ? undefined : paths.key,
    mlDsaKey: next.mlDsaKey ?? paths.mlDsaKey,
    formerMlDsaKey: isSecondNew ? paths.mlDsaKey : undefined,
  };
}

/** The first of its type; others are former ones. */
function currentOf(signers: readonly NoteSigner[], type: KeyType): NoteSigner | undefined {
  return signers.find(({ verifierKey }) => verifierKey.type === type);
}

async function report(
  call: Call,
  done: {
    readonly log: Log;
    readonly checkpoint: Uint8Array;
    readonly config: Config;
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
      ...nextSteps(change, done, newFlags(call)).map((step, at) => `  ${at + 1}. ${step}`),
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

interface NewKeyFlags {
  readonly key: string | undefined;
  readonly mlDsaKey: string | undefined;
  readonly passphraseFile: string | undefined;
}

function newFlags({ flags }: Call): NewKeyFlags {
  return {
    key: textFlag(flags, "newKey"),
    mlDsaKey: textFlag(flags, "newMlDsaKey"),
    passphraseFile: textFlag(flags, "newPassphraseFile"),
  };
}

function nextSteps(
  change: KeyChange,
  { config, paths, isWitnessed }: Pick<Parameters<typeof report>[1], "config" | "paths" | "isWitnessed">,
  next: NewKeyFlags,
): readonly string[] {
  const { key, formerKey, mlDsaKey, formerMlDsaKey } = nextPaths(paths, next);
  const held = next.passphraseFile === undefined ? undefined : config.value("passphraseFile");
  const flags = Object.entries({
    "--key": key,
    "--former-key": formerKey,
    "--ml-dsa-key": mlDsaKey,
    "--former-ml-dsa-key": formerMlDsaKey,
    "--passphrase-file": next.passphraseFile,
    "--former-passphrase-file": held,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [`${flag} ${shellQuoted(value)}`]));
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
