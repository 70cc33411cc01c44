/**
 * What each setting accepts, as JSON or as the text of a flag or variable. Plain functions: every command asks some of them at its
 * start, and a library of schemas would be half of what it loads for that.
 */
import { MAX_WAIT_MS } from "./setting.ts";
import {
  isWriteToken,
  type ListenAddress,
  MAX_READERS,
  type SettingName,
  type Settings,
} from "./settings.ts";
import { MAX_LOCAL_WITNESSES } from "./settings-witness.ts";
import { LOG_LEVELS } from "./telemetry/log-level.ts";

/** @returns undefined for a value that is not what the setting wants. */
export type Check<T> = (raw: unknown) => { readonly value: T } | undefined;

function optional<T>(check: Check<T>): Check<T | undefined> {
  return (raw) => (raw === undefined ? { value: undefined } : check(raw));
}

function matching(isValid: (text: string) => boolean): Check<string> {
  return (raw) => (typeof raw === "string" && isValid(raw) ? { value: raw } : undefined);
}

const text = matching((raw) => raw !== "");
const writeToken = matching(isWriteToken);
/** A key name of C2SP signed-note: neither spaces nor "+". */
const noteName = matching((raw) => /^[^\s\p{Cc}+]+$/u.test(raw));

function webUrl(raw: unknown): { readonly value: string } | undefined {
  const url = typeof raw === "string" ? raw.trim() : "";
  return /^https?:\/\/\S+$/i.test(url) && URL.canParse(url) ? { value: url } : undefined;
}

/** A number as JSON or as its one decimal spelling. */
function wholeNumber({ min, max }: { min: number; max: number }): Check<number> {
  return (raw) => {
    const value = typeof raw === "string" && /^(0|[1-9][0-9]{0,15})$/.test(raw) ? Number(raw) : raw;
    const isValid = typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
    return isValid ? { value } : undefined;
  };
}

function truth(raw: unknown): { readonly value: boolean } | undefined {
  const isTrue = raw === true || raw === "true";
  return isTrue || raw === false || raw === "false" ? { value: isTrue } : undefined;
}

function oneOf<const Word extends string>(words: readonly Word[]): Check<Word> {
  return (raw) => {
    const value = words.find((word) => word === raw);
    return value === undefined ? undefined : { value };
  };
}

function address(raw: unknown): { readonly value: ListenAddress } | undefined {
  const [, host, digits] =
    /^(\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):(0|[1-9][0-9]{0,4})$/.exec(typeof raw === "string" ? raw : "") ?? [];
  const port = Number(digits);
  if (host === undefined || port > 65_535) return undefined;
  return { value: { host: host.replace(/^\[|\]$/g, ""), port } };
}

/** A port alone is one that only this machine reaches. */
function onLoopback(raw: unknown): unknown {
  const isPort = typeof raw === "number" || (typeof raw === "string" && /^\d+$/.test(raw));
  return isPort ? `127.0.0.1:${raw}` : raw;
}

/** As an array, or joined by commas. */
function list(item: RegExp): Check<readonly string[]> {
  return (raw) => {
    const items: unknown = typeof raw === "string" ? raw.split(",") : raw;
    return Array.isArray(items) && items.every(isItem) ? { value: items } : undefined;
  };
  function isItem(value: unknown): value is string {
    return typeof value === "string" && item.test(value);
  }
}

const WORDS = /^\S+( +\S+)*$/;
const COUNT = { min: 1, max: Number.MAX_SAFE_INTEGER };

export const SETTING_VALUES: { readonly [N in SettingName]: Check<Settings[N]> } = Object.freeze({
  listen: address,
  adminListen: optional((raw) => address(onLoopback(raw))),
  data: text,
  name: optional(noteName),
  witnessedLogs: optional(list(WORDS)),
  logLists: optional(list(/^https?:\/\/\S+$/)),
  peers: optional(list(WORDS)),
  pollInterval: wholeNumber({ min: 1, max: MAX_WAIT_MS / 1000 }),
  adoptOwnSignatures: truth,
  localWitnesses: wholeNumber({ min: 0, max: MAX_LOCAL_WITNESSES }),
  readers: wholeNumber({ min: 0, max: MAX_READERS }),
  explorer: truth,
  origin: optional(noteName),
  key: optional(text),
  mlDsaKey: optional(text),
  formerKey: optional(text),
  formerMlDsaKey: optional(text),
  passphraseFile: optional(text),
  formerPassphraseFile: optional(text),
  guard: optional(text),
  recreateGuard: truth,
  servedAt: optional(list(/^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/)),
  duplicates: oneOf(["first", "allow"]),
  checkpointInterval: optional(wholeNumber({ min: 1, max: MAX_WAIT_MS })),
  witnessPolicy: optional(text),
  quorumMode: oneOf(["strict", "best-effort"]),
  witnessTimeout: optional(wholeNumber({ min: 1, max: 60_000 })),
  witnessRefresh: optional(wholeNumber({ min: 1, max: MAX_WAIT_MS })),
  allowSharedParties: truth,
  tokenHash: optional(list(/^[0-9a-f]{64}$/)),
  tokens: optional(text),
  webhooks: optional(text),
  openWrites: truth,
  tlsCert: optional(text),
  tlsKey: optional(text),
  maxEntryBytes: optional(wholeNumber({ min: 1, max: 65_535 })),
  maxBatchEntries: optional(wholeNumber(COUNT)),
  maxPendingEntries: optional(wholeNumber(COUNT)),
  maxPendingBytes: optional(wholeNumber(COUNT)),
  maxDataBytes: optional(wholeNumber(COUNT)),
  minFreeBytes: optional(wholeNumber({ min: 0, max: Number.MAX_SAFE_INTEGER })),
  scrubBytesPerSecond: wholeNumber({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  logLevel: oneOf(LOG_LEVELS),
  slowRequest: wholeNumber({ min: 0, max: MAX_WAIT_MS }),
  logFormat: oneOf(["auto", "pretty", "json"]),
  log: webUrl,
  vkey: optional(text),
  policy: optional(text),
  token: optional(writeToken),
  tokenFile: optional(text),
  state: optional(text),
  memory: truth,
  timeout: wholeNumber({ min: 1, max: MAX_WAIT_MS / 1000 }),
});
