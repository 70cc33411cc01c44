/**
 * ML-DSA-44 in threads of their own, so that a server goes on answering meanwhile. A queue that is full refuses instead of
 * growing. Signatures to make go before signatures to check, and those to check take turns by lane, that is by log: whoever sends
 * checkpoints with false signatures can keep the threads busy, but neither the witness from cosigning what it verified, nor
 * another log's signatures from being checked.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { KeyPair } from "#crypto";
import {
  ML_DSA_44_PUBLIC_KEY_BYTES,
  ML_DSA_44_SEED_BYTES,
  ML_DSA_44_SIGNATURE_BYTES,
  type MlDsa44,
  type MlDsaClaim,
} from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import { FairQueue } from "./fair-queue.ts";

const DEFAULT_MAX_THREADS = 2;
const DEFAULT_MAX_QUEUED = 128;

/** What a thread is asked. Secrets travel in these messages and nowhere else. */
export type MlDsaJob =
  | ({ readonly kind: "verify" } & Omit<MlDsaClaim, "lane">)
  | { readonly kind: "keygen"; readonly seed: Uint8Array }
  | { readonly kind: "sign"; readonly secretKey: Uint8Array; readonly message: Uint8Array };

/**
 * As `mlDsa44`, elsewhere. Its methods, and the key pairs' `sign`, also throw:
 * @throws {TlogError} CRYPTO_BUSY (the queue is full, and its lane the longest) | CRYPTO_UNAVAILABLE (the thread died, or the pool is closed)
 */
export interface MlDsaPool extends MlDsa44, AsyncDisposable {
  /** Finishes what was accepted, refuses what comes, and ends the threads. */
  close(): Promise<void>;
}

/**
 * Threads start at their first use, and hold a process only while they work.
 * @param options.threads - by default 2, or 1 on one core.
 * @param options.maxQueued - how many jobs of each kind, to sign and to check, may wait; by default 128. Measured on two busy
 *   cores: two threads check 400 signatures a second and make 60.
 * @throws {TlogError} ARGUMENT_INVALID
 */
export function openMlDsaPool({
  threads = Math.min(availableParallelism(), DEFAULT_MAX_THREADS),
  maxQueued = DEFAULT_MAX_QUEUED,
}: {
  readonly threads?: number;
  readonly maxQueued?: number;
} = {}): MlDsaPool {
  if (!Number.isSafeInteger(threads) || threads < 1 || !Number.isSafeInteger(maxQueued) || maxQueued < 0) {
    throw new TlogError("ARGUMENT_INVALID", `want threads and a queue, got ${threads} and ${maxQueued}`);
  }
  return new WorkerPool(threads, maxQueued);
}

/** A job, and who waits for it. */
interface Waiting {
  readonly job: MlDsaJob;
  readonly settle: (outcome: { readonly answer: unknown } | { readonly error: TlogError }) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Owned by WorkerPool. */
  current: Waiting | undefined;
}

class WorkerPool implements MlDsaPool {
  readonly #maxThreads: number;
  readonly #maxQueued: number;
  // All owned by this class's private methods, which run to their end without awaiting.
  readonly #threads = new Set<Thread>();
  readonly #toSign = new FairQueue<Waiting>();
  readonly #toCheck = new FairQueue<Waiting>();
  #isClosing = false;
  #onIdle: (() => void) | undefined;

  constructor(maxThreads: number, maxQueued: number) {
    this.#maxThreads = maxThreads;
    this.#maxQueued = maxQueued;
  }

  async isValid({ publicKey, message, signature, lane = "" }: MlDsaClaim): Promise<boolean> {
    if (publicKey.length !== ML_DSA_44_PUBLIC_KEY_BYTES || signature.length !== ML_DSA_44_SIGNATURE_BYTES)
      return false;
    const claim = { publicKey: copy(publicKey), message: copy(message), signature: copy(signature) };
    const answer = await this.#run({ kind: "verify", ...claim }, this.#toCheck, lane);
    if (typeof answer === "boolean") return answer;
    throw unavailable("could not check the signature");
  }

  async keyPair(seed: Uint8Array): Promise<KeyPair> {
    if (seed.length !== ML_DSA_44_SEED_BYTES) {
      throw new TlogError(
        "ARGUMENT_INVALID",
        `ML-DSA-44 seed: want ${ML_DSA_44_SEED_BYTES} bytes, got ${seed.length}`,
      );
    }
    const keys = await this.#run({ kind: "keygen", seed: copy(seed) }, this.#toSign);
    if (!(keys instanceof Uint8Array)) throw unavailable("could not make the key pair");
    const secretKey = keys.slice(ML_DSA_44_PUBLIC_KEY_BYTES);
    return {
      publicKey: keys.slice(0, ML_DSA_44_PUBLIC_KEY_BYTES),
      sign: async (message) => {
        const signature = await this.#run({ kind: "sign", secretKey, message: copy(message) }, this.#toSign);
        if (signature instanceof Uint8Array) return signature;
        throw unavailable("could not sign");
      },
    };
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (!this.#isIdle()) {
      const others = this.#onIdle;
      await new Promise<void>((resolve) => {
        this.#onIdle = () => {
          others?.();
          resolve();
        };
      });
    }
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #run(job: MlDsaJob, queue: FairQueue<Waiting>, lane = ""): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isClosing) throw unavailable("is closed");
      const settle: Waiting["settle"] = (outcome) =>
        "error" in outcome ? reject(outcome.error) : resolve(outcome.answer);
      queue.push(lane, { job, settle });
      this.#dispatch();
      if (queue.length <= this.#maxQueued) return;
      // Nothing was free and there is no room: whoever has most that waits gives up its newest.
      const error = new TlogError("CRYPTO_BUSY", `${this.#maxQueued} ML-DSA-44 jobs are waiting`);
      queue.dropNewest(lane)?.settle({ error });
    });
  }

  #dispatch(): void {
    while (this.#toSign.length > 0 || this.#toCheck.length > 0) {
      const free = [...this.#threads].find(({ current }) => current === undefined);
      if (free === undefined && this.#threads.size >= this.#maxThreads) return;
      const next = this.#toSign.shift() ?? this.#toCheck.shift();
      if (next !== undefined) this.#start(next, free);
    }
    if (this.#isIdle()) this.#onIdle?.();
  }

  #start(next: Waiting, free: Thread | undefined): void {
    try {
      const thread = free ?? this.#newThread();
      // With nothing else to do a process waits for this answer, and for no other reason.
      thread.worker.ref();
      thread.worker.postMessage(next.job);
      thread.current = next;
    } catch (cause) {
      next.settle({ error: unavailable("could not start", cause) });
    }
  }

  #newThread(): Thread {
    // Neither flags nor environment of this process: a loader or a condition of its tests means nothing to the worker.
    const worker = new Worker(new URL("./ml-dsa-worker.js", import.meta.url), { execArgv: [], env: {} });
    const thread: Thread = { worker, current: undefined };
    this.#threads.add(thread);
    worker.on("message", (answer) => {
      worker.unref();
      this.#finish(thread, { answer });
    });
    worker.on("error", (cause) => this.#lose(thread, cause));
    worker.on("exit", () => this.#lose(thread));
    return thread;
  }

  #finish(thread: Thread, outcome: Parameters<Waiting["settle"]>[0]): void {
    const { current } = thread;
    thread.current = undefined;
    current?.settle(outcome);
    this.#dispatch();
  }

  // Its job fails and is not tried again: what killed this thread might kill the next one. The others go on in a fresh thread.
  #lose(thread: Thread, cause?: unknown): void {
    if (!this.#threads.delete(thread)) return;
    this.#finish(thread, { error: unavailable("died", cause) });
  }

  #isIdle(): boolean {
    const isWorking = [...this.#threads].some(({ current }) => current !== undefined);
    return !isWorking && this.#toSign.length === 0 && this.#toCheck.length === 0;
  }
}

// A view would take its whole backing buffer along to the other thread; and what waits must not change under the caller's hands.
function copy(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}

function unavailable(what: string, cause?: unknown): TlogError {
  return new TlogError("CRYPTO_UNAVAILABLE", `the ML-DSA-44 thread ${what}`, { cause });
}
