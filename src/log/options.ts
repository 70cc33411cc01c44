import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import type { Guard } from "../keys/guard.ts";
import type { LogStore } from "../store/store.ts";
import { COSIGNATURE_V1 } from "../tlog/cosignature.ts";
import { MAX_ENTRY_BYTES } from "../tlog/entry-bundle.ts";
import { ED25519, keyLabel, type NoteSigner } from "../tlog/key.ts";
import type { FreezeRequest } from "./freeze.ts";
import type { ServedPlaces } from "./head-sources.ts";
import type { LogLimits, Scrubbing } from "./log.ts";
import type { KeyChangeWish } from "./own-keys.ts";
import type { SpaceFloor } from "./space-floor.ts";
import type { Withheld } from "./withheld.ts";
import type { WitnessOptions } from "./witness-options.ts";

export const DEFAULT_LIMITS: LogLimits = Object.freeze({
  maxEntryBytes: MAX_ENTRY_BYTES,
  maxBatchEntries: 16_384,
  maxPendingEntries: 65_536,
  maxPendingBytes: 64 * 1024 * 1024,
});

export interface LogOptions {
  /** Owned by the log from here on: `close` closes it. */
  readonly store: LogStore;
  readonly guard: Guard;
  /** Every one signs each checkpoint; one name, the origin; the first is an Ed25519 key (c2sp.org/tlog-tiles). */
  readonly signers: readonly NoteSigner[];
  readonly duplicates: "first" | "allow";
  /** How long an integrated entry waits for a checkpoint when nobody asks for one, in milliseconds. */
  readonly checkpointIntervalMs: number;
  readonly limits: LogLimits;
  readonly events: LogEvents;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** @returns 32 lowercase hex digits nobody can guess. */
  readonly randomToken: () => string;
  /** Who has to cosign what readers see; undefined: nobody. */
  readonly witnesses?: WitnessOptions | undefined;
  /** Where readers see the log: asked, as the witnesses are, what this log signed before it signs anything, and looked at from then on. */
  readonly served?: ServedPlaces | undefined;
  /** End the log with this opening, or name the successor of one that ended. */
  readonly freeze?: FreezeRequest | undefined;
  /** Change the log's keys with this opening. spec/key-history.md */
  readonly keyChange?: KeyChangeWish | undefined;
  /** Somebody else has the keys: what they signed elsewhere does not stop this opening, and is told. For the one that changes them. */
  readonly isKeyLeaked?: boolean | undefined;
  /** Others read the store beside this process and answer the same public: nobody sees a checkpoint before it is durable there. Else it may be shown up to 50 ms earlier. */
  readonly hasReaders: boolean;
  /** Says when there is too little room for more entries; undefined: nobody looks. */
  readonly space?: SpaceFloor | undefined;
  /** Who goes through the bytes on the disk; undefined: nobody does. */
  readonly scrub?: { readonly withheld: Withheld; readonly status: () => Scrubbing | undefined } | undefined;
  /** Accept that the guard is lost, and start a new one from what the store says. Only an operator can know that this is right. */
  readonly recreateGuard: boolean;
}

/**
 * Checks what a caller may have got wrong, before anything is written.
 * @returns the origin: the one name of all signers.
 * @throws {TlogError} ARGUMENT_INVALID
 */
export function checkedOrigin({ signers, limits, checkpointIntervalMs }: LogOptions): string {
  assertWithin("checkpointIntervalMs", checkpointIntervalMs, { min: 0, max: Number.MAX_SAFE_INTEGER });
  assertWithin("maxEntryBytes", limits.maxEntryBytes, { min: 0, max: MAX_ENTRY_BYTES });
  assertWithin("maxBatchEntries", limits.maxBatchEntries, { min: 1, max: limits.maxPendingEntries });
  assertWithin("maxPendingEntries", limits.maxPendingEntries, { min: 1, max: Number.MAX_SAFE_INTEGER });
  assertWithin("maxPendingBytes", limits.maxPendingBytes, {
    min: limits.maxEntryBytes,
    max: Number.MAX_SAFE_INTEGER,
  });
  const keys = signers.map(({ verifierKey }) => verifierKey);
  const [first] = keys;
  // c2sp.org/tlog-tiles: a log's checkpoint has at least one Ed25519 signature.
  if (first === undefined || first.type !== ED25519) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `signers: want an Ed25519 key first, got ${first?.type ?? "none"}`,
    );
  }
  for (const key of keys) {
    if (key.name !== first.name) {
      throw new TlogError("ARGUMENT_INVALID", `signers: want one name, got ${first.name} and ${key.name}`);
    }
    if (key.type === COSIGNATURE_V1) {
      throw new TlogError(
        "ARGUMENT_INVALID",
        `signers: ${keyLabel(key)} is a cosigner's key, and signs no log`,
      );
    }
  }
  if (new Set(keys.map(keyLabel)).size < keys.length) {
    throw new TlogError("ARGUMENT_INVALID", "signers: want each key once");
  }
  return first.name;
}

function assertWithin(
  name: string,
  value: number,
  { min, max }: { readonly min: number; readonly max: number },
): void {
  if (value >= min && value <= max) return;
  throw new TlogError("ARGUMENT_INVALID", `${name}: want ${min} to ${max}, got ${value}`);
}
