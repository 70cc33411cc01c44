import type { HotRoute } from "../http/exchange.ts";
import { checkpointRoute } from "../http/tiles.ts";
import type { PublishedView } from "../log/view.ts";

/** What a reader answers itself: all that is published, is asked often, and is read from storage alone. */
export function readRoutes(view: PublishedView): readonly HotRoute[] {
  return [checkpointRoute(view)];
}
