import type { VectorCase } from "./vector-file.ts";

export type Level = "MUST" | "SHOULD" | "MAY" | "practice";

/** What every case of a kind has in common. */
export interface Place {
  readonly document: string;
  readonly section: string;
}

export const TILES_CHECKPOINTS: Place = { document: "c2sp.org/tlog-tiles", section: "Checkpoints" };
export const TILES_TREE: Place = { document: "c2sp.org/tlog-tiles", section: "Merkle Tree" };
export const TILES_PARTIAL: Place = { document: "c2sp.org/tlog-tiles", section: "Partial Tiles" };
export const TILES_ENTRIES: Place = { document: "c2sp.org/tlog-tiles", section: "Log entries" };
export const TILES_PRUNING: Place = { document: "c2sp.org/tlog-tiles", section: "Pruning" };
export const TILES_PARAMETERS: Place = { document: "c2sp.org/tlog-tiles", section: "Parameters" };
export const CHECKPOINT_TEXT: Place = { document: "c2sp.org/tlog-checkpoint", section: "Note text" };
export const CHECKPOINT_SIGNATURES: Place = { document: "c2sp.org/tlog-checkpoint", section: "Signatures" };
export const NOTE_FORMAT: Place = { document: "c2sp.org/signed-note", section: "Format" };

export const OCTETS = "application/octet-stream";
export const ZIPPED = { "accept-encoding": "gzip" };
/** What a browser sends for a page of another origin: some servers say nothing of origins unless one asks. */
export const FOREIGN_PAGE = { origin: "https://reader.example" };
export const READABLE = { "access-control-allow-origin": ["*", FOREIGN_PAGE.origin] };

/** A case's members in the order they are written: where it stands, how binding it is, what it asks for. */
export function logCase(
  place: Place,
  level: Level,
  name: string,
  requirement: string,
  recipe: Readonly<Record<string, unknown>>,
): VectorCase {
  return { name, requirement, level, ...place, ...recipe };
}
