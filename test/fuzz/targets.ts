import type { Target } from "./target.ts";
import { CLIENT } from "./targets/client.ts";
import { ENCODINGS } from "./targets/encodings.ts";
import { EVENT_STREAMS } from "./targets/event-streams.ts";
import { HTTP_PARTS } from "./targets/http-parts.ts";
import { MONITOR } from "./targets/monitor.ts";
import { NOTES } from "./targets/notes.ts";
import { PROOFS } from "./targets/proofs.ts";
import { RAW_HTTP } from "./targets/raw-http.ts";
import { REQUESTS } from "./targets/requests.ts";
import { ROUTES } from "./targets/routes.ts";

/** All that takes bytes of strangers. */
export const TARGETS: readonly Target[] = [
  ...ENCODINGS,
  ...EVENT_STREAMS,
  ...NOTES,
  ...REQUESTS,
  ...PROOFS,
  ...HTTP_PARTS,
  ...ROUTES,
  ...CLIENT,
  ...RAW_HTTP,
  ...MONITOR,
];
