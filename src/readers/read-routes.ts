import { entryRoute } from "../http/entries.ts";
import { eventsRoute } from "../http/event-streams.ts";
import type { HotRoute } from "../http/exchange.ts";
import { DEFAULT_HTTP_LIMITS } from "../http/limits.ts";
import type { OnError } from "../http/problem.ts";
import { proofRoutes } from "../http/proofs.ts";
import { receiptRoute } from "../http/receipts.ts";
import { checkpointRoute, tileRoute } from "../http/tiles.ts";
import type { PublishedView } from "../log/view.ts";

/** What a reader answers itself: all that is published, is asked often, and is read from storage alone. */
export function readRoutes(view: PublishedView, onError?: OnError): readonly HotRoute[] {
  return [
    checkpointRoute(view),
    tileRoute(view, DEFAULT_HTTP_LIMITS),
    entryRoute(view),
    receiptRoute(view),
    ...proofRoutes(view),
    eventsRoute(view, { limits: DEFAULT_HTTP_LIMITS, onError }),
  ];
}
