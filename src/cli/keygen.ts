import { TlogError } from "../errors.ts";
import { writeSigningKeyFile } from "../keys/key-file.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../tlog/cosignature.ts";
import { ED25519 } from "../tlog/key.ts";
import { addExamples, addSettings, type CommandDefinition, isFlagOn, textFlag } from "./command.ts";
import { newKey } from "./new-key.ts";

/** `keygen`: makes a signing key for a log, or for a witness. */
export const keygen: CommandDefinition = {
  define(command) {
    command
      .requiredOption("--out <FILE>", "where the key goes: a new file, mode 0600, never overwritten")
      .option("--type <TYPE>", "ed25519, or ml-dsa-44 to sign beside it (default: ed25519)")
      .option("--cosigner", "a witness's key: what it signs is never taken for a log's word");
    addSettings(command, ["origin"], {
      origin: "the name the key signs under: the log's, or the witness's",
    });
    addExamples(command, [
      "bristlecone keygen --origin example.com/log --out example.key",
      "bristlecone keygen --origin example.com/log --out example-pq.key --type ml-dsa-44",
      "bristlecone keygen --cosigner --origin witness.example/w1 --out witness-pq.key --type ml-dsa-44",
    ]);
  },
  async run({ flags, output, config }) {
    const origin = (await config()).value("origin");
    if (origin === undefined)
      throw new TlogError("USAGE", "want --origin NAME, the name the key signs under");
    const path = textFlag(flags, "out") ?? "";
    const type = textFlag(flags, "type") ?? "ed25519";
    if (type !== "ed25519" && type !== "ml-dsa-44") {
      throw new TlogError("USAGE", `--type: want ed25519 or ml-dsa-44, got ${type}`);
    }
    // c2sp.org/signed-note has one type of ML-DSA-44 key for both.
    const ed25519 = isFlagOn(flags, "cosigner") ? COSIGNATURE_V1 : ED25519;
    const { signingKey, vkey } = await newKey(origin, type === "ed25519" ? ed25519 : ML_DSA_44);
    await writeSigningKeyFile(path, signingKey);
    await output.result({ text: vkey, json: { origin, type, file: path, vkey } });
    if (!output.isJson)
      output.notice(`the private key is in ${path}; the line above is the verifier key, for everybody`);
  },
};
