/** A key that a PKCS#11 token holds, asked through a process of its own: see pkcs11-process.ts. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { KeyPair } from "#crypto";
import { InvariantError, TlogError } from "../errors.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import { checkedKeyPair } from "./checked-key-pair.ts";
import { type FromModule, isFromModule, type ToModule } from "./pkcs11-messages.ts";
import type { Pkcs11Uri } from "./pkcs11-uri.ts";

export interface Pkcs11Options {
  readonly uri: Pkcs11Uri;
  /** Asked once, when the token wants a PIN; kept, to log in again when the token comes back. */
  readonly pin: () => Promise<string>;
  /** Makes the key in the token. */
  readonly isNew?: boolean;
}

/** Loading a module and logging in takes some tokens seconds. */
const OPEN_MS = 30_000;
/** Shorter than a log waits for a signature, so that its message says who did not answer. */
const SIGN_MS = 8_000;
const MAX_PENDING = 256;
/** A token that is gone is looked for so long after it was last, longer each time. */
const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/**
 * Opens a key in a token. The process behind it holds nobody up: it ends when this one does.
 * @throws {TlogError} CONFIG_INVALID | KEY_UNKNOWN | KEY_TYPE_UNSUPPORTED | KEY_FILE_EXISTS | PASSPHRASE_MISSING | PASSPHRASE_WRONG |
 *   SIGNER_FAILED
 */
export async function openPkcs11Key(options: Pkcs11Options): Promise<KeyPair> {
  const token = await Token.open(options);
  return checkedKeyPair({ publicKey: token.publicKey, sign: (message) => token.sign(message) });
}

class Token {
  readonly publicKey: Uint8Array;
  readonly #uri: Pkcs11Uri;
  readonly #pin: string | undefined;
  #process: Promise<ModuleProcess>; // owned by #running()
  #retryMs = MIN_RETRY_MS; // owned by #running()
  #notBefore = 0; // owned by #running()
  #final: TlogError | undefined; // owned by #running()

  static async open({ uri, pin, isNew = false }: Pkcs11Options): Promise<Token> {
    // A file of the URI is read at once; anybody else is asked only when the token wants a PIN.
    const known = uri.pinFile === undefined ? undefined : await pin();
    const first = await startModule(uri, known, isNew);
    if (first !== undefined) return new Token(uri, known, first);
    const asked = await pin();
    const second = await startModule(uri, asked, isNew);
    if (second === undefined) throw new InvariantError("a token that was given a PIN wants one");
    return new Token(uri, asked, second);
  }

  private constructor(uri: Pkcs11Uri, pin: string | undefined, first: ModuleProcess) {
    this.#uri = uri;
    this.#pin = pin;
    this.publicKey = first.publicKey;
    this.#process = Promise.resolve(first);
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    const answer = await (await this.#running()).ask({ kind: "sign", message }, SIGN_MS);
    if (answer.kind === "signature") return answer.signature;
    throw new InvariantError(`a signature was answered by ${answer.kind}`);
  }

  /** The process there is, or another one; those that wait for it wait together. */
  async #running(): Promise<ModuleProcess> {
    if (this.#final !== undefined) throw this.#final;
    const current = await this.#process.catch(() => undefined);
    if (current?.isAlive) return current;
    if (performance.now() < this.#notBefore) return await this.#process;
    this.#notBefore = performance.now() + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS);
    this.#process = this.#start();
    this.#process.catch(() => undefined); // told by the await below, and to all who come before the next try
    return await this.#process;
  }

  async #start(): Promise<ModuleProcess> {
    try {
      const next = await startModule(this.#uri, this.#pin, false);
      if (next === undefined) throw new TlogError("PASSPHRASE_MISSING", "pkcs11: the token wants a PIN now");
      if (!bytesEqual(next.publicKey, this.publicKey)) {
        next.kill();
        throw new TlogError("KEY_UNKNOWN", "pkcs11: the token came back with another key");
      }
      this.#retryMs = MIN_RETRY_MS;
      return next;
    } catch (error) {
      // A wrong PIN is given once only: a few more lock the token.
      if (error instanceof TlogError && error.code === "PASSPHRASE_WRONG")
        this.#final = failed(error.message);
      throw error instanceof TlogError ? failed(error.message) : error;
    }
  }
}

/** @returns undefined when the token wants a PIN, and got none. */
async function startModule(
  { modulePath, match }: Pkcs11Uri,
  pin: string | undefined,
  isNew: boolean,
): Promise<ModuleProcess | undefined> {
  const module = new ModuleProcess();
  try {
    const answer = await module.ask({ kind: "open", modulePath, match, pin, isNew }, OPEN_MS);
    if (answer.kind !== "opened") return undefined;
    module.publicKey = answer.publicKey;
    return module;
  } catch (error) {
    module.kill();
    throw error;
  }
}

interface Waiting {
  settle(outcome: FromModule | TlogError): void;
}

class ModuleProcess {
  publicKey: Uint8Array = new Uint8Array(0); // owned by startModule()
  readonly #child: ChildProcess;
  readonly #waiting: Waiting[] = []; // answers come in the order of the questions; owned by ask() and #hear()
  #isAlive = true; // owned by #end()

  constructor() {
    this.#child = fork(fileURLToPath(new URL(PROGRAM, import.meta.url)), [], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      // Ctrl-C is for the log, which may have to sign once more.
      detached: true,
    });
    this.#child.unref();
    this.#child.channel?.unref();
    this.#child.on("message", (message: unknown) => this.#hear(message));
    this.#child.once("error", (error) => this.#end(`cannot be started: ${error.message}`));
    this.#child.once("exit", (code, signal) => this.#end(`ended (${signal ?? `exit code ${code}`})`));
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** @throws {TlogError} what the module fails with | SIGNER_FAILED (it does not answer, or ended) | CRYPTO_BUSY */
  async ask(message: ToModule, timeoutMs: number): Promise<Exclude<FromModule, { readonly kind: "failed" }>> {
    if (!this.#isAlive) throw failed("pkcs11: the module's process ended");
    if (this.#waiting.length >= MAX_PENDING)
      throw new TlogError("CRYPTO_BUSY", "pkcs11: too many signatures wait");
    const outcome = await new Promise<FromModule | TlogError>((settle) => {
      // Holds this process while somebody waits; the channel does not.
      const timer = setTimeout(() => this.#giveUp(timeoutMs), timeoutMs);
      this.#waiting.push({
        settle: (answer) => {
          clearTimeout(timer);
          settle(answer);
        },
      });
      this.#child.send(message, (error) => error && this.#end(`cannot be asked: ${error.message}`));
    });
    if (outcome instanceof TlogError) throw outcome;
    if (outcome.kind !== "failed") return outcome;
    this.#isAlive = false;
    throw new TlogError(outcome.code, outcome.message);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #hear(message: unknown): void {
    if (isFromModule(message)) this.#waiting.shift()?.settle(message);
    else this.#end("said what cannot be read");
  }

  #giveUp(timeoutMs: number): void {
    this.#end(`did not answer within ${timeoutMs} ms`);
  }

  #end(what: string): void {
    this.#isAlive = false;
    this.kill();
    for (const { settle } of this.#waiting.splice(0)) settle(failed(`pkcs11: the module's process ${what}`));
  }
}

function failed(message: string): TlogError {
  return new TlogError("SIGNER_FAILED", message);
}

/** Beside this file, built or not. */
const PROGRAM = import.meta.url.endsWith(".ts") ? "./pkcs11-process.ts" : "./pkcs11-process.js";
