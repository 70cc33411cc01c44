import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";

/** Where a log's bytes go, and how much of it must stay free. */
export interface SpaceOptions {
  /** Entries are turned away while less than this is free. */
  readonly minFreeBytes: number;
  /** How much is free now. */
  readonly freeBytes: () => Promise<number>;
  /** How often that is asked, in milliseconds. Default 1,000. */
  readonly checkMs?: number;
}

const CHECK_MS = 1_000;
/** An entry's share of tiles, of the leaf index and of the pages that are copied when something in them changes. */
const BYTES_BESIDE_ENTRY = 128;
/** Pages are written anew before the old ones are free. */
const COPIES = 2;
/** So much more than the floor, as a part of it, has to be free before entries are taken again: else it would open and shut all the time. */
const MARGIN = 1 / 8;

/**
 * Turns entries away before the disk is full, and lets them in again when there is room. What stays free is for what the log has taken
 * already, and for the heads that cover it: a commit that meets a full disk would end all writing until a restart.
 * spec/decisions/0043
 */
export class SpaceFloor {
  readonly #space: SpaceOptions;
  readonly #events: LogEvents;
  #free: number; // as found last; owned by #look()
  #takenBefore = 0; // between the last two looks: it may not be written yet; owned by #look()
  #taken = 0; // since the last look; owned by took() and #look()
  #refusal: TlogError | undefined; // owned by #judge()
  #timer: ReturnType<typeof setTimeout> | undefined; // owned by #wait() and close()
  #isClosed = false; // owned by close()

  /** Looks once before it resolves. */
  static async open(space: SpaceOptions, events: LogEvents): Promise<SpaceFloor> {
    const floor = new SpaceFloor(space, events);
    await floor.#look();
    return floor;
  }

  private constructor(space: SpaceOptions, events: LogEvents) {
    this.#space = space;
    this.#events = events;
    this.#free = Number.POSITIVE_INFINITY;
  }

  /** Why no entries are taken now; undefined: they are. */
  get refusal(): TlogError | undefined {
    return this.#refusal;
  }

  /** Tells of entries that were taken: what they need is no longer free, though nothing is written yet. */
  took({ entries, bytes }: { readonly entries: number; readonly bytes: number }): void {
    this.#taken += COPIES * (bytes + entries * BYTES_BESIDE_ENTRY);
    this.#judge();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const taken = this.#taken;
    const found = await this.#space.freeBytes().catch(() => undefined);
    // A disk that does not even say is not known to be full: a commit will tell.
    if (found !== undefined) {
      this.#free = found;
      this.#takenBefore = taken;
      this.#taken -= taken;
      this.#judge();
    }
    if (!this.#isClosed) this.#wait();
  }

  #wait(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#space.checkMs ?? CHECK_MS);
    this.#timer.unref();
  }

  #judge(): void {
    const { minFreeBytes } = this.#space;
    const left = this.#free - this.#takenBefore - this.#taken;
    if (this.#refusal === undefined && left < minFreeBytes) {
      const message = `the log's disk has ${this.#free} bytes free: entries are taken while there are ${minFreeBytes}`;
      this.#refusal = new TlogError("SPACE_LOW", message);
      this.#events.spaceLow?.({ freeBytes: this.#free, minFreeBytes });
    } else if (this.#refusal !== undefined && left >= minFreeBytes * (1 + MARGIN)) {
      this.#refusal = undefined;
      this.#events.spaceBack?.({ freeBytes: this.#free, minFreeBytes });
    }
  }
}
