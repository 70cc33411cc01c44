import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { hashesEqual } from "../merkle/hash.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { parseFrozen } from "../tlog/frozen.ts";
import { askSources, type HeadSource, type OwnLog, type ShownHead, sourceName } from "./head-sources.ts";
import type { LogEnd } from "./log.ts";
import { contradicted, tellDoubtful } from "./shown-heads.ts";

export interface HeadWatchOptions {
  readonly sources: readonly HeadSource[];
  readonly own: OwnLog;
  /** The largest size that this opening ever handed to a signer, or found signed. */
  readonly signedSize: () => number;
  readonly rootAt: (treeSize: number) => Promise<Uint8Array>;
  /** How this log ended; undefined: it goes on. */
  readonly end: Pick<LogEnd, "treeSize"> | undefined;
  /** How often served places are looked at, in milliseconds. */
  readonly intervalMs: number;
  readonly events: Required<LogEvents>;
  /** Called once: somebody else signs with this log's key. */
  readonly onContradiction: (error: TlogError) => void;
}

/**
 * Looks, while the log is open, whether somebody else signs with its key: a second server on a copy of the directory, with a copy
 * of the guard. Served places are looked at every interval; witnesses, whose machine it is not, when one of them says that it
 * knows another tree.
 */
export class HeadWatch {
  readonly #options: HeadWatchOptions;
  readonly #served: readonly HeadSource[];
  readonly #closing = new AbortController();
  readonly #agreed = new Map<string, string>(); // by source, what it showed last and was found here; owned by #compare()
  readonly #silent = new Set<string>(); // owned by #tell()
  #timer: ReturnType<typeof setTimeout> | undefined; // owned by #schedule() and close()
  #looking: Promise<void> | undefined; // owned by #look()
  #isAllWanted = false; // owned by lookAtAll() and #look()

  constructor(options: HeadWatchOptions) {
    this.#options = options;
    this.#served = options.sources.filter(({ isServed }) => isServed);
  }

  start(): void {
    this.#schedule();
  }

  /** Now, at witnesses too: one of them has just contradicted this log without showing a signature. */
  lookAtAll(): void {
    this.#isAllWanted = true;
    void this.#look();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #schedule(): void {
    if (this.#closing.signal.aborted || this.#served.length === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), this.#options.intervalMs);
  }

  #look(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
      if (this.#isAllWanted) void this.#look();
      else this.#schedule();
    });
    return this.#looking;
  }

  /** Never rejects: what cannot be found out now is asked again. */
  async #lookOnce(): Promise<void> {
    const { sources, own, onContradiction } = this.#options;
    const wanted = this.#isAllWanted ? sources : this.#served;
    this.#isAllWanted = false;
    try {
      const { shown, silent } = await askSources(wanted, own, this.#closing.signal);
      this.#tell(wanted.map(sourceName), silent);
      for (const head of shown) await this.#compare(head);
      this.#options.events.servedHeadsChecked({ agreeing: shown.length, silent: silent.length });
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      if (!isContradiction(error)) return this.#tellFailure(error);
      this.#closing.abort();
      onContradiction(error);
    }
  }

  /** @throws {TlogError} LOG_ROLLED_BACK | LOG_CONTRADICTED */
  async #compare(head: ShownHead): Promise<void> {
    const { source, treeSize, rootHash, extensions } = head;
    const said = [treeSize, encodeHex(rootHash), ...extensions].join("\n");
    if (this.#agreed.get(source) === said) return;
    try {
      await this.#assertAgreeing(head);
    } catch (error) {
      if (!head.isDoubtful || !isContradiction(error)) throw error;
      tellDoubtful(error, this.#options.events);
    }
    this.#agreed.set(source, said);
  }

  /** @throws {TlogError} LOG_ROLLED_BACK | LOG_CONTRADICTED */
  async #assertAgreeing(head: ShownHead): Promise<void> {
    const { source, treeSize, rootHash, extensions } = head;
    // Looked at after it was shown: whatever this process signed before is counted by now.
    const signedSize = this.#options.signedSize();
    if (treeSize > signedSize) {
      throw new TlogError(
        "LOG_ROLLED_BACK",
        `${source} shows size ${treeSize}, signed with this log's key, and this process has signed ${signedSize}: another server signs for this log, perhaps on a copy of its data`,
      );
    }
    const held = await this.#options.rootAt(treeSize);
    if (!hashesEqual(rootHash, held)) throw contradicted(head, held);
    if (parseFrozen(extensions) !== undefined && this.#options.end?.treeSize !== treeSize) {
      throw new TlogError(
        "LOG_CONTRADICTED",
        `${source} says that the log ended at size ${treeSize}, signed with its key, and this process goes on: another server of this log was stopped and ended, perhaps on a copy of this data`,
      );
    }
  }

  /** When a place falls silent, not as long as it is. */
  #tell(asked: readonly string[], silent: readonly { readonly source: string; readonly message: string }[]) {
    const now = new Map(silent.map(({ source, message }) => [source, message]));
    for (const source of asked) {
      const message = now.get(source);
      if (message === undefined) this.#silent.delete(source);
      else if (!this.#silent.has(source)) {
        this.#silent.add(source);
        this.#options.events.warning({
          code: "HEAD_SOURCE_SILENT",
          message: `${source} does not show what was signed: ${message}`,
        });
      }
    }
  }

  #tellFailure(error: unknown): void {
    const code = error instanceof TlogError ? error.code : "INTERNAL";
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.events.warning({ code, message: `cannot compare what is shown elsewhere: ${reason}` });
  }
}

function isContradiction(error: unknown): error is TlogError {
  return error instanceof TlogError && ["LOG_ROLLED_BACK", "LOG_CONTRADICTED"].includes(error.code);
}
