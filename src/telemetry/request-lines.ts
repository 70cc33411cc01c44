import type { AnsweredRequest, RequestLog } from "../http/request-log.ts";
import { counted, type LineFields, type LogLineOptions, lineWriter, onceASecond } from "./line-writer.ts";

/**
 * Turns requests into log lines: each at level debug, slow ones at info, and those once a second with how many there were, since a client can make
 * its own as slow as it likes.
 * @param options.slowMs - 0: no request is slow.
 */
export function requestLines(options: LogLineOptions, { slowMs }: { readonly slowMs: number }): RequestLog {
  const line = lineWriter(options, "http");
  const slow = onceASecond<AnsweredRequest>(options.now, (request, count) =>
    line("info", "slow request", { ...fieldsOf(request), ...counted(count) }),
  );
  return {
    slowMs: slowMs === 0 ? Number.POSITIVE_INFINITY : slowMs,
    get isEach() {
      return line.isTold("debug");
    },
    answered(request) {
      if (request.isSlow) slow(request);
      line("debug", "request answered", fieldsOf(request));
    },
  };
}

function fieldsOf({
  requestId,
  method,
  route,
  status,
  elapsedMs,
  bytes,
  added,
}: AnsweredRequest): LineFields {
  return { requestId, method, route, status, elapsedMs, bytes, ...entriesOf(added) };
}

/** Where its entries are: by their indices they are found in a batch, and by its size in a checkpoint. */
function entriesOf(added: AnsweredRequest["added"]): LineFields {
  if (added === undefined) return {};
  if ("leafIndex" in added) return { leafIndex: added.leafIndex, duplicate: added.duplicate };
  const { leafIndices, duplicates } = added;
  const [first] = leafIndices;
  if (first === undefined) return { entries: 0 };
  const bounds = leafIndices.reduce(
    ({ firstIndex, lastIndex }, at) => ({
      firstIndex: Math.min(firstIndex, at),
      lastIndex: Math.max(lastIndex, at),
    }),
    { firstIndex: first, lastIndex: first },
  );
  return { ...bounds, entries: leafIndices.length, duplicates: duplicates.length };
}
