/** Numbers, times, hashes and outcomes as people read them. */

const NUMBER = new Intl.NumberFormat("en");

/** 60412 as "60,412". */
export function grouped(value: number): string {
  return NUMBER.format(value);
}

/** "1 entry", "2 entries". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** Bytes with a unit: "512 B", "63.9 KiB". */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const isMega = bytes >= 1024 * 1024;
  return `${(bytes / (isMega ? 1024 * 1024 : 1024)).toFixed(1)} ${isMega ? "MiB" : "KiB"}`;
}

/** The first characters of a hash in hex, enough to compare by eye. */
export function shortHash(hex: string, characters = 8): string {
  return `${hex.slice(0, characters)}…`;
}

const STEPS: readonly (readonly [number, string])[] = [
  [60, "s"],
  [60, "min"],
  [24, "h"],
  [365, "d"],
];

/** "just now", "12 s ago", "in 4 min": what lies between two times, in one unit. */
export function ago(seconds: number, nowSeconds: number): string {
  const difference = nowSeconds - seconds;
  const age = Math.abs(difference);
  if (age < 2) return "just now";
  let value = age;
  let unit = "y";
  for (const [size, name] of STEPS) {
    unit = name;
    if (value < size) break;
    value /= size;
    unit = "y";
  }
  const text = `${Math.floor(value)} ${unit}`;
  return difference < 0 ? `in ${text}` : `${text} ago`;
}

/** "2026-11-22 08:25:00 UTC" */
export function timeText(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `${seconds} s after 1970`;
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** "leaf 7", "leaves 0–255": a subtree by what it covers. */
export function leavesText({ start, end }: { readonly start: number; readonly end: number }): string {
  return end - start === 1 ? `leaf ${grouped(start)}` : `leaves ${grouped(start)}–${grouped(end - 1)}`;
}

/** Large counts in little room: 999, "1.0 K", "34 M". */
export function compactCount(count: number): string {
  const units = ["", "K", "M", "G", "T", "P"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit > 0 && value < 10 ? value.toFixed(1) : Math.floor(value)}${units[unit]}`;
}

/** What an error's code means for who looks at the page; undefined: its message has to do. */
export function meaningOf(code: string): string | undefined {
  return MEANINGS[code];
}

const MEANINGS: Readonly<Record<string, string>> = Object.freeze({
  LOG_FORKED: "The log signed two histories that cannot both be true. Keep the evidence below.",
  SIGNATURE_INVALID: "A signature of a key you trust does not fit what it is said to sign.",
  SIGNATURE_MISSING: "No key you trust for this log signed this.",
  ORIGIN_MISMATCH: "This belongs to another log than the one you trust.",
  QUORUM_NOT_MET: "Too few of the witnesses that your policy asks for cosigned this.",
  PROOF_INVALID: "The proof does not lead from the entry to the signed root.",
  ENTRY_MISMATCH: "The log served other bytes than it committed to.",
  ROOT_MISMATCH: "The log served tree hashes that do not lead to the root it signed.",
  TILE_MALFORMED: "The log served a piece of the tree that has not the form of one.",
  BUNDLE_MALFORMED: "The log served entries that have not the form they should have.",
  NOT_PUBLISHED: "No signed head covers this yet. It may in a moment.",
  ENTRY_UNKNOWN: "The log says that it has no such entry. Nothing proves that it has not.",
  REMOTE_UNREACHABLE: "The log could not be reached.",
  REMOTE_TIMEOUT: "The log did not answer in time.",
  REMOTE_REFUSED: "The log refused the request.",
  RECEIPT_MALFORMED: "This is not a receipt, or a damaged one.",
  EVIDENCE_MALFORMED: "This is not an evidence file, or a damaged one.",
  EVIDENCE_INVALID: "This file proves nothing against anybody: what it shows can all be true.",
  NOTE_MALFORMED: "This is not a signed note.",
  CHECKPOINT_MALFORMED: "This is signed, but it is not a checkpoint.",
  POLICY_MALFORMED: "This is not a policy file, or a damaged one.",
  VKEY_MALFORMED: "This is not a verifier key, or a damaged one.",
});
