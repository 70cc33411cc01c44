/** A route parameter of 64 lowercase hex digits: an origin's hash, or evidence's id. No other spelling is a resource. */
export const HEX_64 = "{[0-9a-f]{64}}";

/** Where evidence lies, relative to the witness's URL: a URI reference for answers of /add-checkpoint, /evidence, /witness.json. */
export function evidencePath({
  originHash,
  evidenceId,
}: {
  readonly originHash: string;
  readonly evidenceId: string;
}): string {
  return `${originHash}/evidence/${evidenceId}`;
}
