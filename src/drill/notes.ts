/** What a rehearsal writes down while it goes on: each step with what was expected and what was seen. */
import { TlogError } from "../errors.ts";

export interface Step {
  /** What was done. */
  readonly did: string;
  readonly expected: string;
  readonly saw: string;
  readonly isAsExpected: boolean;
  readonly seconds: number;
}

/** A measured value. */
export interface Figure {
  /** Kebab-case, stable: "recovery-seconds-longest". */
  readonly name: string;
  readonly value: number;
  /** In words, with its unit. */
  readonly means: string;
}

/** What a step saw, and what it hands on to the next. */
export interface Seen<T = undefined> {
  readonly saw: string;
  readonly isAsExpected: boolean;
  readonly found?: T;
}

export class Notes {
  readonly #now: () => number;
  readonly #onStep: (step: Step) => void;
  readonly #steps: Step[] = []; // owned by #note()
  readonly #figures: Figure[] = []; // owned by figure()

  /** @param now - milliseconds on a clock that never goes back. */
  constructor(now: () => number, onStep: (step: Step) => void) {
    this.#now = now;
    this.#onStep = onStep;
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  get figures(): readonly Figure[] {
    return this.#figures;
  }

  figure(figure: Figure): void {
    this.#figures.push(figure);
  }

  /**
   * One step. What comes otherwise than expected ends the rehearsal: what follows would build on it.
   * @throws {TlogError} CHECKUP_FAILED; and what `act` throws, noted as what was seen
   */
  async step<T>(
    { did, expected }: Pick<Step, "did" | "expected">,
    act: () => Promise<Seen<T>>,
  ): Promise<T | undefined> {
    const begun = this.#now();
    const note = ({ saw, isAsExpected }: Seen<unknown>): void => {
      const step = { did, expected, saw, isAsExpected, seconds: (this.#now() - begun) / 1000 };
      this.#steps.push(step);
      this.#onStep(step);
    };
    const seen = await act().catch((error: unknown) => {
      if (error instanceof TlogError) {
        note({ saw: `${error.message} [${error.code}]`, isAsExpected: false });
      }
      throw error;
    });
    note(seen);
    if (!seen.isAsExpected) throw new TlogError("CHECKUP_FAILED", `${did}: ${seen.saw}`);
    return seen.found;
  }

  /** A step that hands on what it found. @throws as `step` */
  async find<T>(
    words: Pick<Step, "did" | "expected">,
    act: () => Promise<{ readonly saw: string; readonly found: T }>,
  ): Promise<T> {
    let result: { readonly found: T } | undefined; // owned by the step
    await this.step(words, async () => {
      const seen = await act();
      result = seen;
      return { saw: seen.saw, isAsExpected: true };
    });
    if (result === undefined) throw new TlogError("CHECKUP_FAILED", `${words.did}: nothing was found`);
    return result.found;
  }

  /** A step that is to be refused, with this code. @throws as `step` */
  async refused(
    words: Pick<Step, "did" | "expected">,
    { code, act }: { readonly code: string; readonly act: () => Promise<unknown> },
  ): Promise<void> {
    await this.step(words, async () => {
      try {
        await act();
        return { saw: "it was not refused", isAsExpected: false };
      } catch (error) {
        if (!(error instanceof TlogError)) throw error;
        return { saw: `refused: ${error.message} [${error.code}]`, isAsExpected: error.code === code };
      }
    });
  }
}
