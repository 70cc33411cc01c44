/** Puts a scrub beside a log: what it finds wrong the log withholds. */
import type { LogEvents } from "./events.ts";
import { Scrub } from "./fsck/scrub.ts";
import type { Log, Scrubbing } from "./log/log.ts";
import { Withheld } from "./log/withheld.ts";

export interface ScrubSettings {
  /** How much is read: 4 MiB go through a terabyte in three days, and take some 5 % of one core of entries of 256 bytes. */
  readonly bytesPerSecond: number;
  /** From the start of the log on, in milliseconds. Default 60,000. */
  readonly startAfterMs?: number | undefined;
}

export class LogScrub {
  readonly withheld = new Withheld();
  readonly #options: ScrubSettings & { readonly directory: string; readonly events: LogEvents };
  #scrub: Scrub | undefined; // owned by start()

  constructor(options: ScrubSettings & { readonly directory: string; readonly events: LogEvents }) {
    this.#options = options;
  }

  /** What was found before a restart is withheld when this resolves. */
  async start(log: Pick<Log, "published">): Promise<void> {
    this.#scrub = await Scrub.start({
      ...this.#options,
      published: () => log.published(),
      onSpoilt: (spoilt) => this.withheld.replace(spoilt),
      now: Date.now,
    });
  }

  status(): Scrubbing | undefined {
    return this.#scrub?.status();
  }

  async close(): Promise<void> {
    await this.#scrub?.close();
  }
}
