import { type Config, credentialsDirectory, sshAgentSocket } from "../config.ts";
import type { KeyOptions } from "../keys/open-signer.ts";
import type { SecretWanted } from "../keys/secrets.ts";
import type { Call } from "./command.ts";

/** What opens the keys of a log or witness, and says what was left out. */
export interface OwnKeyOptions extends KeyOptions {
  notice(text: string): void;
  /** Of the log's keys as they are, then of former ones. */
  readonly passphraseFiles: readonly string[];
}

/** What there is around this process that a key's holder may need: an agent, a passphrase or somebody to ask for it. */
export function keyOptions(call: Call, config: Config): OwnKeyOptions {
  return {
    notice: (text) => call.output.notice(text),
    agentSocket: sshAgentSocket(),
    passphraseFiles: given(config.value("passphraseFile"), config.value("formerPassphraseFile")),
    credentialsDirectory: credentialsDirectory(),
    ask: asking(call),
  };
}

function given(...files: readonly (string | undefined)[]): readonly string[] {
  return files.flatMap((file) => file ?? []);
}

/** Undefined where nobody watches: a service must not wait for somebody to type. */
export function asking({ output, signal }: Call): ((wanted: SecretWanted) => Promise<string>) | undefined {
  if (!output.isWatched) return undefined;
  return async ({ kind, of }) => {
    const { askSecret } = await import("./ask-secret.ts");
    return (await askSecret(`${kind} of ${of}`, signal)) ?? "";
  };
}
