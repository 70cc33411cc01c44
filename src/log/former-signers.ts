/** Keys that were replaced and sign beside the log's own for a while. spec/key-history.md */
import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { type Checkpoint, signCheckpoint } from "../tlog/checkpoint.ts";
import { keyLabel, type NoteSigner } from "../tlog/key.ts";
import { type NoteSignature, parseNote } from "../tlog/note.ts";
import { SignerFailures } from "./signer-failures.ts";

/** How long to wait for a signature that nobody needs: heads wait for it. */
const FORMER_TIMEOUT_MS = 2_000;

/** A log's own keys: the first of each type. Former ones stand behind them. */
export function ownSigners(signers: readonly NoteSigner[]): readonly NoteSigner[] {
  const types = signers.map(({ verifierKey }) => verifierKey.type);
  return signers.filter(({ verifierKey }, at) => types.indexOf(verifierKey.type) === at);
}

/**
 * Asks former keys for their lines. One that fails, or is slow, is told of and its line is missing: who only knows that key notices,
 * as when it is left out, and the log goes on. It is asked again as a log's own key would be.
 */
export class FormerSigners {
  readonly #former: readonly { readonly signer: NoteSigner; readonly failures: SignerFailures }[];
  readonly #events: LogEvents;
  readonly #now: () => number;

  /** @param options.signers - all of the log. */
  constructor({
    signers,
    events,
    now,
  }: {
    readonly signers: readonly NoteSigner[];
    readonly events: LogEvents;
    readonly now: () => number;
  }) {
    const own = ownSigners(signers);
    this.#former = signers
      .filter((signer) => !own.includes(signer))
      .map((signer) => ({ signer, failures: new SignerFailures(now) }));
    this.#events = events;
    this.#now = now;
  }

  /** Their lines on the checkpoint, of those that sign now. Never rejects for a signer's failure. */
  async sign(checkpoint: Checkpoint): Promise<readonly NoteSignature[]> {
    const asked = this.#former.filter(({ failures }) => failures.retryAt <= this.#now());
    const lines = await Promise.all(
      asked.map(async ({ signer, failures }) => {
        try {
          const signed = signCheckpoint(checkpoint, [signer]);
          const { signatures } = parseNote(await withinTime(signed, FORMER_TIMEOUT_MS));
          failures.signed();
          return signatures;
        } catch (cause) {
          const label = keyLabel(signer.verifierKey);
          const reason = cause instanceof Error ? cause.message : String(cause);
          const message = `the former key ${label} does not sign, and heads go without its line: ${reason}`;
          failures.failed(new TlogError("SIGNER_FAILED", message, { cause }));
          this.#events.warning?.({ code: "FORMER_KEY_FAILED", message });
          return [];
        }
      }),
    );
    return lines.flat();
  }
}

/** A signer that hangs must not hold up the log's closing. A signature that comes later is not used, and does no harm. */
export async function withinTime(signing: Promise<Uint8Array>, timeoutMs: number): Promise<Uint8Array> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `no signature within ${timeoutMs} ms`;
    timer = setTimeout(() => reject(new TlogError("SIGNER_FAILED", message)), timeoutMs);
  });
  return await Promise.race([signing, late]).finally(() => clearTimeout(timer));
}
