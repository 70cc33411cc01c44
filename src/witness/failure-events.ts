import { TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";

const TELL_EVERY_MS = 600_000;

/**
 * Tells of failures of the network and of whoever answers there. A witness that is down fails for a thousand logs: of one
 * place and code, one failure is told every ten minutes.
 */
export function openFailureEvents({
  events,
  monotonicMs,
}: {
  readonly events: WitnessEvents;
  readonly monotonicMs: () => number;
}): (place: string, subject: string, error: unknown) => void {
  const toldAtMs = new Map<string, number>(); // owned by the function returned
  return (place, subject, error) => {
    const code = error instanceof TlogError ? error.code : "INTERNAL";
    const key = `${place}\n${code}`;
    const nowMs = monotonicMs();
    if (nowMs - (toldAtMs.get(key) ?? -TELL_EVERY_MS) < TELL_EVERY_MS) return;
    toldAtMs.set(key, nowMs);
    const message = `${subject}: ${error instanceof Error ? error.message : "failed"}`;
    events.warning?.({ code, message });
  };
}
