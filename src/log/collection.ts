import type { Cosignature } from "./cosignatures.ts";

/** A witness asked twice in a moment may give one cosignature twice, and is as honest as one that signs again. */
const REPEAT_MS = 60_000;

interface Collected {
  readonly cosignature: Cosignature;
  /** The round that brought it, or brought it again. */
  readonly round: number;
  /** When it was first seen, on the log's own clock. */
  readonly sinceMs: number;
}

/** The cosignatures of one head: the newest of each witness. */
export class Collection {
  /** The head's note text. */
  readonly text: Uint8Array;
  readonly treeSize: number;
  /** A quorum holds: another round is a renewal. */
  isComplete = false; // owned by CosignStage
  /** When the round began that is not decided yet. */
  undecidedSinceMs: number | undefined; // owned by CosignStage
  readonly #byName = new Map<string, Collected>(); // by the policy's names, owned by add()
  #since = 0; // owned by renew()

  constructor(head: { readonly text: Uint8Array; readonly treeSize: number }) {
    this.text = head.text;
    this.treeSize = head.treeSize;
  }

  /** Whose cosignature counts. */
  get names(): readonly string[] {
    return [...this.#byName].flatMap(([name, { round }]) => (round >= this.#since ? [name] : []));
  }

  /**
   * The newest stays, so that no witness can make a checkpoint look older than it was.
   * @returns false: it is older than the one there is, or the same again for too long, and renews nothing.
   */
  add(
    cosignature: Cosignature,
    { round, nowMs }: { readonly round: number; readonly nowMs: number },
  ): boolean {
    const held = this.#byName.get(cosignature.name);
    const newerBy = cosignature.timestampSeconds - (held?.cosignature.timestampSeconds ?? 0);
    if (held === undefined || newerBy > 0) {
      this.#byName.set(cosignature.name, { cosignature, round, sinceMs: nowMs });
      return true;
    }
    if (newerBy < 0 || nowMs - held.sinceMs > REPEAT_MS) return false;
    this.#byName.set(cosignature.name, { ...held, round });
    return true;
  }

  of(name: string): Cosignature | undefined {
    return this.#byName.get(name)?.cosignature;
  }

  /** What earlier rounds than this one brought is still shown, and counts for nothing. */
  renew(round: number): void {
    this.#since = round;
    this.isComplete = false;
  }
}
