/** Can every key that is configured sign, and is it the log's? */
import { resolve } from "node:path";
import { TlogError } from "../errors.ts";
import { keyFileOf } from "../keys/key-reference.ts";
import { type KeyOptions, openLogSigner } from "../keys/open-signer.ts";
import { openKeptHistory, openOwnKeys } from "../log/own-keys.ts";
import { emptyRootHash } from "../merkle/hash.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import { formatCheckpoint } from "../tlog/checkpoint-body.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import { encodeUtf8 } from "../tlog/encoding.ts";
import { type ED25519, formatVerifierKey, type NoteSigner, verifierFor } from "../tlog/key.ts";
import { type Finding, fail, type Outcome, ok, type Sheet, skipped, warn } from "./check.ts";
import { modeOf } from "./file-modes.ts";
import type { StoreSight } from "./store-sight.ts";

/** A key that is configured. */
export interface ConfiguredKey {
  /** "--key" */
  readonly flag: string;
  /** See keys/key-reference.ts. */
  readonly reference: string;
  readonly type: typeof ED25519 | typeof ML_DSA_44;
  /** In place of what opens all of them: the same files, the likelier first. */
  readonly passphraseFiles?: readonly string[];
}

/**
 * Opens each key and has it sign something that is no statement of a log.
 * @param options.origin - what was asked for, or what the guard says; undefined: the first key's own name.
 * @returns the signers, the log's own Ed25519 one first; undefined when that does not sign.
 */
export async function lookAtKeys(
  sheet: Sheet,
  keys: readonly ConfiguredKey[],
  options: KeyOptions & { readonly origin: string | undefined; readonly isFirstStart: boolean },
): Promise<readonly NoteSigner[] | undefined> {
  const signers: NoteSigner[] = [];
  let name = options.origin;
  for (const [place, key] of keys.entries()) {
    if (!(await lookAtMode(sheet, key, { ...options, isFirst: place === 0 }))) {
      sheet.note({ check: "key-signs", of: `${key.flag} ${key.reference}`, ...skipped("see key-mode") });
      if (place === 0) return undefined;
      continue;
    }
    const signer = await sheet.look({
      check: "key-signs",
      of: `${key.flag} ${key.reference}`,
      otherwise: "look at the key's holder",
      see: () => seeSigning(key, { ...options, name }),
    });
    if (signer === undefined && place === 0) return undefined;
    if (signer === undefined) continue;
    name = signer.verifierKey.name;
    signers.push(signer);
  }
  return signers;
}

interface KeyPlace extends KeyOptions {
  readonly isFirst: boolean;
  readonly isFirstStart: boolean;
}

/** @returns whether there is a key to try. */
async function lookAtMode(
  sheet: Sheet,
  { flag, reference }: ConfiguredKey,
  place: KeyPlace,
): Promise<boolean> {
  const isUsable = await sheet.look({
    check: "key-mode",
    of: `${flag} ${reference}`,
    otherwise: "run this as the user that runs the log",
    see: () => seeMode(flag, keyFileOf(reference), place),
  });
  return isUsable === true;
}

async function seeMode(flag: string, file: string | undefined, place: KeyPlace): Promise<Finding<boolean>> {
  if (file === undefined) return { ...skipped("no file holds it"), found: true };
  const found = await modeOf(file);
  if (found === undefined) {
    if (place.isFirst && place.isFirstStart) return ok("not there yet: the first start makes it");
    return fail("there is no such file", `bring the key back, or name where it is with ${flag}`);
  }
  const { mode, owner, directory, isDirectoryOpen } = found;
  const { credentialsDirectory } = place;
  // Of systemd's credentials an access list shows in the group's bits.
  const isCredential = credentialsDirectory !== undefined && directory === resolve(credentialsDirectory);
  if (!mode.endsWith("00") && !isCredential && process.platform !== "win32") {
    return fail(
      `mode ${mode}: others than its owner may use it, and \`serve\` refuses it`,
      `chmod 600 ${file}\nIf somebody else may have read it, see deploy/README.md, A key that leaked`,
    );
  }
  if (isDirectoryOpen) {
    const saw = `mode ${mode}, but others may write to ${directory}, and so put another file in its place`;
    return { ...warn(saw, `chmod o-w ${directory}`), found: true };
  }
  return { ...ok(`mode ${mode}, of ${owner}`), found: true };
}

async function seeSigning(
  { reference, type, flag, passphraseFiles }: ConfiguredKey,
  options: KeyOptions & { readonly name: string | undefined },
): Promise<Finding<NoteSigner>> {
  try {
    const secret = passphraseFiles === undefined ? {} : { passphraseFiles };
    const signer = await openLogSigner(reference, { ...options, ...secret, type, nameFlag: "--origin" });
    const startedMs = performance.now();
    await trySigning(signer);
    const tookMs = performance.now() - startedMs;
    const words = `it signs, in ${tookMs < 10 ? tookMs.toFixed(1) : Math.round(tookMs)} ms: ${formatVerifierKey(signer.verifierKey)}`;
    const slow = warn(
      words,
      "each checkpoint waits so long: see what keeps the key's holder, or publish less often (--checkpoint-interval)",
    );
    return { ...(tookMs > SLOW_SIGNING_MS ? slow : ok(words)), found: signer };
  } catch (error) {
    if (!(error instanceof TlogError) || error.code === "ABORTED") throw error;
    return fail(`${error.message} [${error.code}]`, keyAdvice(error, flag));
  }
}

const SLOW_SIGNING_MS = 200;

/** Nothing that could be taken for a checkpoint or for a change of keys: it begins with a zero byte, and no note does. */
const PROBE = encodeUtf8("\0bristlecone doctor: this is signed to see that it can be, and says nothing");

async function trySigning({ verifierKey, sign }: NoteSigner): Promise<void> {
  // A key of this type signs statements about trees only: that every log begins with the empty one is true.
  const text =
    verifierKey.type === ML_DSA_44
      ? encodeUtf8(
          formatCheckpoint({
            origin: verifierKey.name,
            treeSize: 0,
            rootHash: emptyRootHash(),
            extensions: [],
          }),
        )
      : PROBE;
  const payload = await sign(text);
  if (await verifierFor(verifierKey).verify({ text, payload })) return;
  throw new TlogError("SIGNER_FAILED", "what it signed does not verify with its own public key");
}

function keyAdvice({ code }: TlogError, flag: string): string {
  switch (code) {
    case "PASSPHRASE_MISSING":
    case "PASSPHRASE_WRONG":
      return "give the right one: --passphrase-file FILE, a credential of systemd, or at the terminal";
    case "KEY_UNKNOWN":
      return "unlock the agent or token, or add the key to it; `ssh-add -l` lists what an agent has";
    case "SIGNER_FAILED":
      return "see that the agent, token or module works, and answers this user";
    case "FILE_UNREADABLE":
      return "run this as the user that runs the log";
    default:
      return `give the log's own key with ${flag}`;
  }
}

/** Whether the keys are those by which readers know what is there. */
export async function lookAtOwnKeys(
  sheet: Sheet,
  signers: readonly NoteSigner[],
  sight: StoreSight,
): Promise<void> {
  await sheet.look({ check: "key-fits-log", see: () => seeOwnKeys(signers, sight) });
}

async function seeOwnKeys(signers: readonly NoteSigner[], { origin, head }: StoreSight): Promise<Outcome> {
  const other = "start with the key that this log was made with, or give the other log another --data";
  const name = signers[0]?.verifierKey.name;
  if (name !== origin) return fail(`the log in --data is ${origin}, the key is of ${name}`, other);
  try {
    const { published } = head;
    const keys = openOwnKeys({ history: await openKeptHistory(head, origin), published }, { signers });
    if (head.published === undefined) return ok(`the key's name is the log's; it has published nothing yet`);
    const { checkpoint, treeSize } = head.published;
    const opened = await openCheckpoint({ signedNote: checkpoint, logKeys: keys.at(treeSize) });
    const signing = new Set(signers.map(({ verifierKey }) => formatVerifierKey(verifierKey)));
    const silent = opened.logKeys.filter((vkey) => !signing.has(vkey));
    const changes = head.keys?.changes ?? 0;
    const ways = changes === 0 ? "" : `, its keys changed ${changes === 1 ? "once" : `${changes} times`}`;
    const words = `the last checkpoint, of size ${treeSize}, is signed with ${opened.logKeys.length === 1 ? "it" : "them"}${ways}`;
    if (silent.length === 0) return ok(words);
    return warn(
      `${words}; ${silent.join(", ")} signed it too, and is not given any more`,
      "give it (--ml-dsa-key, --former-key) as long as readers may know no other key",
    );
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const isRetired = error.code === "KEY_RETIRED";
    const advice = isRetired ? "start with the key that took its place, and this one as --former-key" : other;
    return fail(`${error.message} [${error.code}]`, advice);
  }
}
