import { TlogError } from "../errors.ts";
import { readSigningKeyFile, writeSigningKeyFile } from "../keys/key-file.ts";
import { keyFileOf, parseKeyReference } from "../keys/key-reference.ts";
import { openCosigner, openLogSigner, openTokenKey } from "../keys/open-signer.ts";
import { findSecret } from "../keys/secrets.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../tlog/cosignature.ts";
import {
  ED25519,
  formatVerifierKey,
  type KeyType,
  noteSigner,
  openKeyPair,
  type VerifierKey,
} from "../tlog/key.ts";
import {
  addExamples,
  addSettings,
  type Call,
  type CommandDefinition,
  isFlagOn,
  onlyOneOf,
  textFlag,
} from "./command.ts";
import { keyOptions } from "./key-options.ts";
import { newKey } from "./new-key.ts";

/** `keygen`: makes a signing key for a log, or for a witness; or says the verifier key of one that is there. */
export const keygen: CommandDefinition = {
  define(command) {
    command
      .option(
        "--out <FILE>",
        "where the key goes: a new file, mode 0600, or pkcs11:… for a token to make it; never overwritten",
      )
      .option(
        "--of <KEY>",
        "make none, and print the verifier key of this one: a file, ssh-agent:SHA256:… or pkcs11:…",
      )
      .option("--type <TYPE>", "ed25519, or ml-dsa-44 to sign beside it (default: ed25519)")
      .option("--cosigner", "a witness's key: what it signs is never taken for a log's word")
      .option("--encrypt", "encrypt the file with a passphrase, as `age -p` does");
    addSettings(command, ["origin", "passphraseFile"], {
      origin: "the name the key signs under: the log's, or the witness's",
      passphraseFile: "with --encrypt or --of: a file with the passphrase (default: ask on the terminal)",
    });
    addExamples(command, [
      "bristlecone keygen --origin example.com/log --out example.key",
      "bristlecone keygen --origin example.com/log --out example.key --encrypt",
      "bristlecone keygen --origin example.com/log --out example-pq.key --type ml-dsa-44",
      "bristlecone keygen --cosigner --origin witness.example/w1 --out witness-pq.key --type ml-dsa-44",
      "bristlecone keygen --origin example.com/log --out 'pkcs11:token=log;object=2026?module-path=/usr/lib/softhsm/libsofthsm2.so'",
      "bristlecone keygen --origin example.com/log --of ssh-agent:SHA256:3eGvHiSuSh…",
    ]);
  },
  async run(call) {
    const type = typeOf(call);
    if (onlyOneOf(call.flags, ["out", "of"]) === "of") return await show(call, type);
    const path = textFlag(call.flags, "out");
    if (path === undefined) throw new TlogError("USAGE", "want --out FILE for a new key, or --of KEY");
    await make(call, type, path);
  },
};

/** c2sp.org/signed-note has one type of ML-DSA-44 key for both. */
function typeOf({ flags }: Call): KeyType {
  const type = textFlag(flags, "type") ?? "ed25519";
  if (type === "ml-dsa-44") return ML_DSA_44;
  if (type !== "ed25519") throw new TlogError("USAGE", `--type: want ed25519 or ml-dsa-44, got ${type}`);
  return isFlagOn(flags, "cosigner") ? COSIGNATURE_V1 : ED25519;
}

async function make(call: Call, type: KeyType, path: string): Promise<void> {
  const { output, flags } = call;
  const config = await call.config();
  const origin = config.value("origin");
  if (origin === undefined) {
    throw new TlogError("USAGE", "want --origin NAME, the name the key signs under");
  }
  const { kind } = parseKeyReference(path);
  if (kind === "ssh-agent") {
    const way = "make a key with ssh-keygen -t ed25519 and ssh-add it, then: keygen --of ssh-agent:SHA256:…";
    throw new TlogError("USAGE", `--out: an agent makes no keys; ${way}`);
  }
  if (kind === "pkcs11") return await makeInToken(call, path, { name: origin, type });
  const passphrase = isFlagOn(flags, "encrypt") ? await newPassphrase(call, path) : undefined;
  const { signingKey, vkey } = await newKey(origin, type);
  await writeSigningKeyFile(path, signingKey, { passphrase });
  const json = { origin, type: type === ML_DSA_44 ? "ml-dsa-44" : "ed25519", file: path, vkey };
  await output.result({ text: vkey, json });
  const how = passphrase === undefined ? "" : ", encrypted; without the passphrase it is lost";
  if (!output.isJson)
    output.notice(`the private key is in ${path}${how}; the line above is the verifier key, for everybody`);
}

async function makeInToken(
  call: Call,
  uri: string,
  key: { readonly name: string; readonly type: KeyType },
): Promise<void> {
  if (key.type === ML_DSA_44 || isFlagOn(call.flags, "encrypt")) {
    throw new TlogError("USAGE", "--type ml-dsa-44 and --encrypt: want --out FILE");
  }
  const keyPair = await openTokenKey(uri, keyOptions(call, await call.config()), { isNew: true });
  const vkey = formatVerifierKey(noteSigner(keyPair, key, () => 0).verifierKey);
  await call.output.result({ text: vkey, json: { origin: key.name, type: "ed25519", of: uri, vkey } });
}

/** Asked for twice where somebody types it: a slip would lose the key. */
async function newPassphrase(call: Call, path: string): Promise<string> {
  const config = await call.config();
  const { ask, ...sources } = keyOptions(call, config);
  const askTwice: typeof ask =
    ask &&
    (async ({ kind, of }) => {
      const first = await ask({ kind, of });
      if (first === "" || first === (await ask({ kind, of: `${of} once more` }))) return first;
      throw new TlogError("USAGE", "the two passphrases are not the same; no key was made");
    });
  return await findSecret(
    { kind: "passphrase", of: `the new key file ${path}` },
    { ...sources, ask: askTwice },
    config.value("passphraseFile"),
  );
}

async function show(call: Call, type: KeyType): Promise<void> {
  const reference = textFlag(call.flags, "of") ?? "";
  const verifierKey = await verifierKeyOf(call, reference, type);
  const vkey = formatVerifierKey(verifierKey);
  const typeName = verifierKey.type === ML_DSA_44 ? "ml-dsa-44" : "ed25519";
  const json = { origin: verifierKey.name, type: typeName, of: reference, vkey };
  await call.output.result({ text: vkey, json });
}

/** A file says of itself which name and type it has; who else holds a key says neither. */
async function verifierKeyOf(call: Call, reference: string, type: KeyType): Promise<VerifierKey> {
  const config = await call.config();
  const options = keyOptions(call, config);
  const file = keyFileOf(reference);
  if (file !== undefined) {
    const { keyPair, ...key } = await openKeyPair(await readSigningKeyFile(file, options));
    return noteSigner(keyPair, key, () => 0).verifierKey;
  }
  const wanted = { ...options, name: config.value("origin"), nameFlag: "--origin" };
  if (type === COSIGNATURE_V1) return (await openCosigner(reference, { ...wanted, type })).verifierKey;
  return (await openLogSigner(reference, { ...wanted, type })).verifierKey;
}
