import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Witness } from "../witness/witness.ts";
import { ADMIN, healthRoute, metricsRoutes } from "./admin.ts";
import { createApp } from "./create-app.ts";
import { WRITE_HEADERS } from "./headers.ts";
import type { HttpEnv } from "./path.ts";
import type { OnError } from "./problem.ts";
import type { ServedMetrics } from "./running-server.ts";

/** What only the operator of a witness may see: `/healthz`, `/readyz`, `/metrics`. For a listener of its own, never the public one. */
export function createWitnessAdminApp(options: {
  readonly witness: Witness;
  /** Whether the public listener is closing, before the witness itself is. Default: it is not. */
  readonly isClosing?: () => boolean;
  /** Default: no `/metrics`. */
  readonly metrics?: Pick<ServedMetrics, "page"> | undefined;
  readonly onError?: OnError;
}): OpenAPIHono<HttpEnv> {
  const { witness, isClosing = () => false } = options;
  const app = createApp(options.onError);
  app.route("/", metricsRoutes(options.metrics));
  return app
    .openapi(healthRoute, (c) => c.json({ status: "ok" as const }, 200, WRITE_HEADERS))
    .openapi(witnessReadinessRoute, (c) => {
      const state = isClosing() ? ({ status: "closing" } as const) : witness.state();
      const answer = { ...state, logCount: witness.roster.logs().length };
      return c.json(answer, state.status === "ok" ? 200 : 503, WRITE_HEADERS);
    });
}

const WitnessReadiness = z
  .object({
    status: z.enum(["ok", "read-only", "closing"]),
    code: z.string().optional().openapi({ description: "Why it is read-only." }),
    message: z.string().optional(),
    logCount: z.int(),
  })
  .openapi("WitnessReadiness");

export const witnessReadinessRoute = createRoute({
  method: "get",
  path: "/readyz",
  ...ADMIN,
  summary: "The witness cosigns",
  responses: {
    200: { description: "It does.", content: { "application/json": { schema: WitnessReadiness } } },
    503: {
      description: "It does not; reads may still work.",
      content: { "application/json": { schema: WitnessReadiness } },
    },
  },
});
