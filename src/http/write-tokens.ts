/** Tokens that may write: what the log knows of them, and how much each of them may write. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { TlogError } from "../errors.ts";
import { decodeHex, encodeHex } from "../tlog/encoding.ts";
import { RateBucket } from "./rate-bucket.ts";

/** A token as the log keeps it. */
export interface WriteToken {
  /** SHA-256 of the token, 64 lowercase hex digits. */
  readonly hash: string;
  /** What people call it. */
  readonly name?: string | undefined;
  /** Entries it may add a second, on average. */
  readonly entriesPerSecond?: number | undefined;
  /** Bytes of bodies it may send a second, on average. */
  readonly bytesPerSecond?: number | undefined;
  /** Its largest entry, where that is less than the log's. */
  readonly maxEntryBytes?: number | undefined;
  /** POSIX seconds: refused from then on. */
  readonly expiresAtSeconds?: number | undefined;
}

/** Every token is compared with, whoever asks. */
export const MAX_WRITE_TOKENS = 1000;

/** A fresh token of 256 random bits and the hash to configure. Tokens are random, so a plain hash protects them at rest. */
export function newWriteToken(): { readonly token: string; readonly tokenHash: string } {
  const token = `bristlecone_${randomBytes(32).toString("base64url")}`;
  return { token, tokenHash: hashOf(token).toString("hex") };
}

/** A token wrote as much as it may for now. */
export class TokenLimitedError extends TlogError {
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number) {
    super("TOKEN_LIMITED", message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** What one request may write. */
export interface Permit {
  /** Undefined: as large as the log takes them. */
  readonly maxEntryBytes: number | undefined;
  /** True: only the log's own process knows how much more the token may write. */
  readonly isLimited: boolean;
  /** Counts what came of a body, whatever becomes of it: who sends what cannot be added may not send more of it. */
  receive(bytes: number): void;
  /**
   * Before anything is added, once the body was received.
   * @returns gives it back, for when the log added nothing.
   * @throws {TlogError} TOKEN_LIMITED
   */
  charge(entries: number): () => void;
}

/** Of who may write as much as the log takes. */
export const UNLIMITED: Permit = Object.freeze({
  maxEntryBytes: undefined,
  isLimited: false,
  receive: () => {},
  charge: () => () => {},
});

/** Time, as permits need it. */
export interface TokenClock {
  /** Never goes back. */
  readonly nowMs: () => number;
  readonly nowSeconds: () => number;
}

interface Known {
  readonly token: WriteToken;
  readonly hash: Uint8Array;
  readonly entries: RateBucket | undefined;
  readonly bytes: RateBucket | undefined;
}

/** The tokens of a server. They may change while it runs. */
export class WriteTokens {
  #known: readonly Known[]; // owned by replace()
  readonly #clock: TokenClock;
  readonly #listeners = new Set<() => void>(); // owned by onReplaced()

  /** @throws {TlogError} HEX_MALFORMED | ARGUMENT_INVALID: too many, or one twice */
  constructor(tokens: readonly WriteToken[], clock: TokenClock = REAL_CLOCK) {
    this.#clock = clock;
    this.#known = knownFrom(tokens, { before: [], nowMs: 0 });
  }

  get current(): readonly WriteToken[] {
    return this.#known.map(({ token }) => token);
  }

  /**
   * From now on only these may write. What a token has written goes on to count while it has that limit, at whatever rate; one that is
   * taken off and listed again begins anew. @throws as the constructor, changing nothing
   */
  replace(tokens: readonly WriteToken[]): void {
    this.#known = knownFrom(tokens, { before: this.#known, nowMs: this.#clock.nowMs() });
    for (const listener of this.#listeners) listener();
  }

  /** @returns a function that ends it. */
  onReplaced(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param token - as the client sent it. @throws {TlogError} TOKEN_INVALID (unknown, or expired) | TOKEN_LIMITED */
  permit(token: string): Permit {
    const hash = hashOf(token);
    // Every known hash is compared, so the time taken tells nothing about which one is near.
    const [found] = this.#known.filter((known) => timingSafeEqual(hash, known.hash));
    if (found === undefined) throw new TlogError("TOKEN_INVALID", "the write token is not known to this log");
    const { expiresAtSeconds } = found.token;
    if (expiresAtSeconds !== undefined && this.#clock.nowSeconds() >= expiresAtSeconds) {
      throw new TlogError("TOKEN_INVALID", "the write token has expired");
    }
    return this.#permitOf(found);
  }

  #permitOf({ token, entries, bytes }: Known): Permit {
    const { maxEntryBytes } = token;
    if (entries === undefined && bytes === undefined && maxEntryBytes === undefined) return UNLIMITED;
    const { nowMs } = this.#clock;
    const refuse = () => {
      const waitMs = Math.max(entries?.waitMs(nowMs()) ?? 0, bytes?.waitMs(nowMs()) ?? 0);
      return new TokenLimitedError(limitOf(token), Math.ceil(waitMs / 1000));
    };
    const isClosed = (bucket: RateBucket | undefined) => bucket !== undefined && bucket.waitMs(nowMs()) > 0;
    if (isClosed(entries) || isClosed(bytes)) throw refuse();
    let isLate = false; // owned by receive()
    return {
      maxEntryBytes,
      isLimited: true,
      receive(count) {
        isLate = isClosed(bytes); // Others sent enough meanwhile.
        bytes?.take(count, nowMs());
      },
      charge(count) {
        if (isLate || isClosed(entries)) throw refuse();
        entries?.take(count, nowMs());
        return () => entries?.take(-count, nowMs());
      },
    };
  }
}

const REAL_CLOCK: TokenClock = Object.freeze({
  nowMs: () => performance.now(),
  nowSeconds: () => Date.now() / 1000,
});

function knownFrom(
  tokens: readonly WriteToken[],
  { before, nowMs }: { readonly before: readonly Known[]; readonly nowMs: number },
): readonly Known[] {
  if (tokens.length > MAX_WRITE_TOKENS) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `want at most ${MAX_WRITE_TOKENS} write tokens, got ${tokens.length}`,
    );
  }
  if (new Set(tokens.map(({ hash }) => hash)).size < tokens.length) {
    throw new TlogError("ARGUMENT_INVALID", "want each token hash once");
  }
  const held = new Map(before.map((known) => [known.token.hash, known]));
  return tokens.map((token) => {
    const { hash, entriesPerSecond, bytesPerSecond } = token;
    const known = held.get(hash);
    return {
      token,
      hash: decodeTokenHash(hash),
      entries: bucketOf(entriesPerSecond, { before: known?.entries, nowMs }),
      bytes: bucketOf(bytesPerSecond, { before: known?.bytes, nowMs }),
    };
  });
}

/** That of before when it has the same rate, else one that owes as much: to change the list must not forgive anybody. */
function bucketOf(
  perSecond: number | undefined,
  { before, nowMs }: { readonly before: RateBucket | undefined; readonly nowMs: number },
): RateBucket | undefined {
  if (perSecond === undefined || before?.perSecond === perSecond)
    return perSecond === undefined ? undefined : before;
  return new RateBucket(perSecond, before?.owedAt(nowMs));
}

function limitOf({ name, entriesPerSecond, bytesPerSecond }: WriteToken): string {
  const limits = [
    ...(entriesPerSecond === undefined ? [] : [`${entriesPerSecond} entries`]),
    ...(bytesPerSecond === undefined ? [] : [`${bytesPerSecond} bytes`]),
  ];
  return `token${name === undefined ? "" : ` ${name}`}: want at most ${limits.join(" and ")} a second`;
}

function decodeTokenHash(hex: string): Uint8Array {
  const hash = decodeHex(hex);
  if (hash.length === 32 && encodeHex(hash) === hex) return hash;
  throw new TlogError("HEX_MALFORMED", "token hash: want 64 lowercase hex digits");
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}
