/** Adding entries to a log under test: `POST add`, as Tessera's programs do it. In no document. */
import { orUndefined } from "../../errors.ts";
import { hashesEqual } from "../../merkle/hash.ts";
import type { Checkpoint } from "../../tlog/checkpoint-body.ts";
import { decodeUtf8, parseDecimal } from "../../tlog/encoding.ts";
import { headerOf } from "../answer.ts";
import { InapplicableError } from "../inapplicable.ts";
import { isBusy, isSilence, type Probe, type ProbeAnswer, retryAfterMs } from "../probe.ts";

/** No run adds more entries. */
const MAX_WRITES = 600;
const MAX_ATTEMPTS = 5;
/** Who answers so has to say when to come again. */
const PUSH_BACK = [429, 503];

/** An entry, and the index that was promised for it. */
export interface AddedEntry {
  readonly entry: Uint8Array;
  readonly index: number;
}

/** What was added in a run, and what came of it. */
export interface LogWriter {
  /**
   * Adds an entry; when pushed back, again after as long as the log asks, at most 30 s.
   * @throws {TlogError} as {@link Probe.exchange}
   * @throws {InapplicableError} when it was pushed back five times, there was no answer (the entry may be in), or 600 entries were sent
   */
  add(entry: Uint8Array): Promise<ProbeAnswer>;
  /** 24 bytes that the log cannot have. */
  newEntry(): Uint8Array;
  /** Waits as long as it takes a log to publish. */
  pause(ms: number): Promise<void>;
  /** Of each answer that pushed back: its Retry-After, "" without one. */
  readonly retryAfters: readonly string[];
  /** Every checkpoint met while entries were added, the smallest first, in whichever order they came. */
  readonly seen: readonly Checkpoint[];
  see(checkpoint: Checkpoint): void;
  /** The entry whose index the other cases rely on. */
  first: AddedEntry | undefined;
}

/** @param options.pause - tests need not wait. */
export function openWriter(
  probe: Probe,
  options: { readonly random: () => number; readonly pause: (ms: number) => Promise<void> },
): LogWriter {
  const retryAfters: string[] = []; // owned by add()
  const seen: Checkpoint[] = []; // owned by see()
  let writes = 0; // owned by send()

  async function send(body: Uint8Array): Promise<ProbeAnswer> {
    if (writes >= MAX_WRITES) throw new InapplicableError(`${MAX_WRITES} entries were added in this run`);
    writes += 1;
    return await probe.exchange({ method: "POST", path: "add", headers: OCTETS, body }).catch((error) => {
      throw isSilence(error) ? new InapplicableError(`no answer to POST add: ${error.code}`) : error;
    });
  }

  return {
    retryAfters,
    seen,
    first: undefined,
    pause: options.pause,
    newEntry: () => Uint8Array.from({ length: 24 }, () => Math.floor(options.random() * 256)),
    async add(entry) {
      for (let attempt = 1; ; attempt++) {
        const answer = await send(entry);
        if (!isBusy(answer)) return answer;
        if (PUSH_BACK.includes(answer.status)) retryAfters.push(headerOf(answer, "retry-after"));
        if (attempt >= MAX_ATTEMPTS)
          throw new InapplicableError(`POST add was answered ${answer.status} ${MAX_ATTEMPTS} times`);
        await options.pause(retryAfterMs(answer));
      }
    },
    see(checkpoint) {
      if (seen.some((other) => isSame(other, checkpoint))) return;
      const behind = seen.findIndex(({ treeSize }) => treeSize > checkpoint.treeSize);
      seen.splice(behind < 0 ? seen.length : behind, 0, checkpoint);
    },
  };
}

/** The index on the first line of an answer to `POST add`; undefined when there is none. */
export function indexOf({ status, body }: ProbeAnswer): number | undefined {
  if (status !== 200) return undefined;
  return orUndefined(() => parseDecimal(decodeUtf8(body).split("\n", 1)[0] ?? ""));
}

const OCTETS = { "content-type": "application/octet-stream" };

function isSame(one: Checkpoint, other: Checkpoint): boolean {
  return one.treeSize === other.treeSize && hashesEqual(one.rootHash, other.rootHash);
}
