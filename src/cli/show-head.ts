import type { VerifiedCheckpoint, VerifiedCosignature } from "../tlog/checkpoint.ts";
import { encodeBase64 } from "../tlog/encoding.ts";

/** A verified head as JSON fields. */
export function headJson({ origin, treeSize, rootHash, cosignatures }: VerifiedCheckpoint) {
  return {
    origin,
    treeSize,
    rootHash: encodeBase64(rootHash),
    cosignatures: cosignatures.map(({ name, vkey, timestampSeconds }) => ({ name, vkey, timestampSeconds })),
  };
}

/** "witness.example, which saw it 2026-11-21T12:00:00Z", one a line; empty when nobody cosigned. */
export function cosignatureLines(cosignatures: readonly VerifiedCosignature[]): readonly string[] {
  return cosignatures.map(({ name, timestampSeconds }) => {
    const seen = timestampSeconds === 0 ? "" : `, which saw it ${isoTime(timestampSeconds)}`;
    return `cosigned by  ${name}${seen}`;
  });
}

/** Dates end in the year 275760; a timestamp beyond is shown as the number it is. */
function isoTime(timestampSeconds: number): string {
  const date = new Date(timestampSeconds * 1000);
  return Number.isNaN(date.getTime()) ? `at ${timestampSeconds}` : date.toISOString().replace(".000Z", "Z");
}
