import type { LogHead } from "../../client/log-head.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { formatFrozen, parseFrozen } from "../tlog/frozen.ts";
import { parseNote } from "../tlog/note.ts";
import { type Alert, alertId } from "./alert.ts";

/** That this is the last head of its log; undefined: it is not. spec/frozen.md */
export function ended(
  { origin, treeSize, extensions }: LogHead,
  { url, atMs }: { readonly url: string; readonly atMs: number },
): Alert | undefined {
  const end = parseFrozen(extensions);
  if (end === undefined) return undefined;
  const { successor } = end;
  const successorWords =
    successor === undefined ? "" : `; its successor: ${successor.vkey} ${successor.url ?? ""}`;
  return {
    id: alertId([origin, "ended", treeSize]),
    kind: "ended",
    isResolved: false,
    origin,
    url,
    atMs,
    message: `the log ended with ${treeSize} entries${successorWords}`,
  };
}

/**
 * What a head says that no log may say that ended: "MUST NOT sign a larger tree afterwards", and no other end. spec/frozen.md
 * @param end - the signed note that said that it ended.
 * @returns for people; undefined: nothing of that.
 */
export function reopened({ treeSize, extensions }: LogHead, end: Uint8Array): string | undefined {
  const last = parseCheckpoint(decodeUtf8(parseNote(end).text));
  if (treeSize < last.treeSize) return undefined;
  if (treeSize > last.treeSize) {
    return `the log said that it ended with ${last.treeSize} entries, and signed size ${treeSize} all the same`;
  }
  const [before, now] = [last.extensions, extensions].map((lines) => parseFrozen(lines));
  if (now === undefined)
    return `the log said that it ended with ${treeSize} entries, and signed the same tree without an end`;
  const isSame = before !== undefined && formatFrozen(before).join("\n") === formatFrozen(now).join("\n");
  return isSame
    ? undefined
    : `the log ended with ${treeSize} entries, and names another end: ${now.successor?.vkey ?? "no successor"}`;
}
