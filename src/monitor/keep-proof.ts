/** What shows a third person what a log did, kept when it is noticed. */
import { LogForkedError } from "../../client/errors.ts";
import { orUndefined, TlogError } from "../errors.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import type { VerifierKey } from "../tlog/key.ts";
import { parseNote } from "../tlog/note.ts";
import { WrongEntriesError } from "./entry-reader.ts";
import type { EvidenceShelf } from "./evidence-shelf.ts";
import { knownKeys } from "./known-keys.ts";
import type { LogState } from "./log-state.ts";
import type { MonitoredLog } from "./monitored-log.ts";
import type { ServedBytes } from "./served-bytes.ts";
import { verifyWrongBytes, type WrongBytes } from "./wrong-bytes.ts";

/** One look at a head. */
interface Look {
  readonly served: readonly ServedBytes[];
  /** The head that was asked for, or told. */
  readonly shown: Uint8Array | undefined;
  readonly atMs: number;
}

/**
 * Evidence of a fork; wrong bytes when they begin, and if they show by themselves that they are wrong.
 * @returns where it is; undefined when there is none, or no room. @throws {TlogError} FILE_UNWRITABLE
 */
export async function keepProof(
  error: TlogError,
  found: Look & { readonly log: MonitoredLog; readonly state: LogState; readonly shelf: EvidenceShelf },
): Promise<string | undefined> {
  const { log, state, shelf, atMs } = found;
  const { origin } = log.trust;
  if (error instanceof LogForkedError) return error.evidence && shelf.keepEvidence(origin, error.evidence);
  if (state.alarms.some(({ kind, isTold }) => kind === "wrong-bytes" && isTold)) return undefined;
  const wrong = error instanceof WrongEntriesError ? error.kept : wrongHead(found, state.head?.signedNote);
  if (wrong === undefined) return undefined;
  const kept = { ...wrong, origin, url: log.url, atMs };
  return (await isShownWrong(kept, knownKeys(state, log.trust))) ? shelf.keepWrongBytes(kept) : undefined;
}

/** Tiles that should have led from one signed head to another; undefined: there are no two. */
function wrongHead(
  { served, shown }: Look,
  remembered: Uint8Array | undefined,
): Pick<WrongBytes, "checkpoint" | "asked" | "served"> | undefined {
  if (shown === undefined || remembered === undefined) return undefined;
  const [shownSize, rememberedSize] = [sizeOf(shown), sizeOf(remembered)];
  if (shownSize === undefined || rememberedSize === undefined) return undefined;
  const [older, newer] = shownSize < rememberedSize ? [shown, remembered] : [remembered, shown];
  return {
    checkpoint: newer,
    asked: { older },
    served: served.filter(({ path }) => path.startsWith("tile/")),
  };
}

/** What does not is of no use to anybody else. */
async function isShownWrong(kept: WrongBytes, logKeys: readonly VerifierKey[]): Promise<boolean> {
  try {
    await verifyWrongBytes(kept, logKeys);
    return true;
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return false;
  }
}

function sizeOf(signedNote: Uint8Array): number | undefined {
  return orUndefined(() => parseCheckpoint(decodeUtf8(parseNote(signedNote).text)).treeSize);
}
