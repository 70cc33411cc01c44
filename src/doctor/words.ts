/** Amounts as a person reads them. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** "4.2 GiB" */
export function inBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

const SPANS: readonly (readonly [seconds: number, word: string])[] = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** "3 days", of milliseconds. */
export function inTime(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  const [length, word] = SPANS.find(([span]) => seconds >= 2 * span) ?? [1, "second"];
  const count = Math.round(seconds / length);
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
