import type { LogHead } from "../../client/log-head.ts";
import { parseFrozen } from "../tlog/frozen.ts";
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
