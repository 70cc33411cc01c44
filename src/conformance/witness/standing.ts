/** Where a witness stands with one log, as far as its answers tell. */
import { orUndefined } from "../../errors.ts";
import { decodeUtf8, parseDecimal } from "../../tlog/encoding.ts";
import type { VerifierKey } from "../../tlog/key.ts";
import { InapplicableError } from "../inapplicable.ts";
import type { ProbeAnswer } from "../probe.ts";
import { parseLines, timestamped, withKeys } from "./cosignature-lines.ts";
import type { NumberTree } from "./number-tree.ts";
import type { TestLog } from "./test-logs.ts";
import type { RecipeState } from "./words.ts";

/** Its tree has to be computed here. */
const MAX_SIZE = 1_000_000;

export class LogStanding {
  readonly log: TestLog;
  readonly #tree: NumberTree;
  readonly #witnessKeys: readonly VerifierKey[];
  readonly #answered = new Map<number, (readonly string[])[]>(); // owned by #keepAnswer()
  #cosignatures: { readonly size: number; readonly lines: readonly string[] } = { size: 0, lines: [] }; // owned by cosigned()
  #size: number | undefined; // owned by learn(), cosigned() and forget()
  #refusal: string | undefined; // owned by learn() and forget()
  /** The size of the last good answer, while nothing else can have been stored since. */
  #newest: number | undefined; // owned by cosigned(), cosignedWrongly() and lose()
  #isFirstRun = false; // owned by learn() and cosigned()
  #isAnsweredComplete = true; // owned by lose()
  #lastSeconds = 0; // owned by cosigned()

  constructor(parts: {
    readonly log: TestLog;
    readonly tree: NumberTree;
    readonly witnessKeys: readonly VerifierKey[];
  }) {
    this.log = parts.log;
    this.#tree = parts.tree;
    this.#witnessKeys = parts.witnessKeys;
  }

  /** Whether it was asked for, and nothing since says that the answer may be old. */
  get isKnown(): boolean {
    return this.#size !== undefined || this.#refusal !== undefined;
  }

  /** Whether it was asked for, and did not say. */
  get isRefused(): boolean {
    return this.#refusal !== undefined;
  }

  /** The newest cosigned size; 0 if there is none, or none is known. */
  get size(): number {
    return this.#size ?? 0;
  }

  /** The latest time of a cosignature; 0 if none came. */
  get lastSeconds(): number {
    return this.#lastSeconds;
  }

  /** The lines that came, a list for each answer, by the size they are for. */
  get answered(): ReadonlyMap<number, readonly (readonly string[])[]> {
    return this.#answered;
  }

  /** Whether nothing was cosigned before this run, and something is. */
  get isFirstRun(): boolean {
    return this.#isFirstRun;
  }

  /** Whether there is no answer with lines that `answered` lacks. */
  get isAnsweredComplete(): boolean {
    return this.#isAnsweredComplete;
  }

  recipeState(): RecipeState {
    const { log } = this;
    const S = this.size;
    const cosignatures = this.#cosignatures.size === S ? this.#cosignatures.lines : [];
    return { log, S, tree: this.#tree, cosignatures, witnessKeys: this.#witnessKeys };
  }

  /**
   * Takes in the answer to a request that asks what the witness has.
   * @param sets - the size it has after 200.
   * @throws {InapplicableError} for an error of the server's, which may be gone the next time.
   */
  learn({ status, body }: ProbeAnswer, sets: string): void {
    this.forget();
    if (status === 200) {
      this.#size = parseDecimal(sets);
      this.#isFirstRun = true;
    } else if (status === 409) this.#size = this.#told(sizeIn(body));
    if (this.isKnown) return;
    const refusal = refusalOf(this.log, status);
    if (status >= 500) throw new InapplicableError(refusal);
    this.#refusal = refusal;
  }

  /** What 409 says must be what 200 said last, or each answer to come would be wrong for one reason. */
  #told(size: number | undefined): number | undefined {
    if (size === undefined || this.#newest === undefined || this.#newest === size) return size;
    this.#refusal = `the witness tells ${size} to be the size of the log ${this.log.name}, and cosigned ${this.#newest} last: what it is asked from here on would be wrong for that alone`;
    return undefined;
  }

  /** The witness answered a request with the log's tree of this size by 200. */
  cosigned(size: number, { body }: ProbeAnswer): void {
    this.#isFirstRun ||= this.size === 0;
    this.#size = size;
    this.#newest = size;
    const lines = this.#keepAnswer(size, body);
    if (lines === undefined) return;
    this.#cosignatures = { size, lines };
    for (const { signature } of withKeys(lines, [])) {
      this.#lastSeconds = Math.max(this.#lastSeconds, timestamped(signature)?.timestampSeconds ?? 0);
    }
  }

  /** The same, but something is wrong with the answer. */
  cosignedWrongly(size: number, { body }: ProbeAnswer): void {
    this.#keepAnswer(size, body);
    this.#newest = undefined;
    this.forget();
  }

  #keepAnswer(size: number, body: Uint8Array): readonly string[] | undefined {
    const lines = parseLines(body);
    if (lines !== undefined) this.#answered.set(size, [...(this.#answered.get(size) ?? []), lines]);
    return lines;
  }

  /** An answer did not come, and lines may have been stored that nobody here knows. */
  lose(): void {
    this.#isAnsweredComplete = false;
    this.#newest = undefined;
    this.forget();
  }

  /** Something unexpected happened: what the witness has is to be asked again. */
  forget(): void {
    this.#size = undefined;
    this.#refusal = undefined;
  }

  /** @throws {InapplicableError} */
  assertUsable(): void {
    if (this.#refusal !== undefined) throw new InapplicableError(this.#refusal);
    if (this.size > MAX_SIZE) {
      throw new InapplicableError(
        `the witness has size ${this.size} of the log ${this.log.name}, which is too large to test`,
      );
    }
  }

  /** @throws {InapplicableError} */
  assertNeverCosigned(): void {
    if (this.size === 0) return;
    throw new InapplicableError(
      `the witness has cosigned the log ${this.log.name} before, up to size ${this.size}`,
    );
  }
}

function refusalOf({ name, signers }: TestLog, status: number): string {
  if (status === 404) return `the witness does not know the log ${name}`;
  if (status === 403 && signers.length > 1) return `the witness does not trust every key of the log ${name}`;
  return `the witness answered ${status} to the request that asks what it has of the log ${name}`;
}

/** "7\n", with or without the newline: what is wrong with it, a case says. */
function sizeIn(body: Uint8Array): number | undefined {
  return orUndefined(() => parseDecimal(decodeUtf8(body).trim()));
}
