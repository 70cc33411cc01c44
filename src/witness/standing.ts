import { TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import type { EvidenceShelf } from "./evidence-shelf.ts";
import type { WitnessedLog } from "./witness.ts";

/** Whether a witness signs for a log at all: its operator may have said no, evidence may convict it, or the witness may doubt itself. */
export class Standing {
  readonly #shelf: EvidenceShelf;
  readonly #events: Required<WitnessEvents>;
  /** Logs with a signature of this witness that its store does not know. */
  readonly #rolledBack = new Map<string, TlogError>(); // owned by rollBack()

  constructor(shelf: EvidenceShelf, events: Required<WitnessEvents>) {
    this.#shelf = shelf;
    this.#events = events;
  }

  /** @throws {TlogError} LOG_DISABLED | WITNESS_ROLLED_BACK | LOG_FROZEN */
  async assertMaySign({ origin, isDisabled }: WitnessedLog): Promise<void> {
    if (isDisabled) {
      throw new TlogError("LOG_DISABLED", `${origin} is cosigned no more: its operator here said so`);
    }
    const rolledBackBy = this.#rolledBack.get(origin);
    if (rolledBackBy !== undefined) throw rolledBackBy;
    await this.#shelf.assertNotConvicted(origin);
  }

  /** Signs no more for the log. @param error - WITNESS_ROLLED_BACK. */
  rollBack(origin: string, error: TlogError): void {
    this.#rolledBack.set(origin, error);
    this.#events.warning({ code: error.code, message: error.message });
  }
}
