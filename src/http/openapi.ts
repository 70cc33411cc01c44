import { OpenAPIHono } from "@hono/zod-openapi";
import { Hono } from "hono";
import { addBatchRoute } from "./add.ts";
import { healthRoute, metricsRoute, readinessRoute } from "./admin.ts";
import { lookupRoute } from "./entries.ts";
import { logInfoRoute } from "./log-info.ts";
import { HAND_WRITTEN_ROUTES } from "./openapi-routes.ts";
import { openApiText } from "./openapi-text.ts";
import type { HttpEnv } from "./path.ts";
import { consistencyRoute, inclusionBatchRoute, inclusionRoute } from "./proofs.ts";

/** The definitions the JSON routes are served by, so the document cannot disagree with them. */
const JSON_ROUTES = [
  addBatchRoute,
  lookupRoute,
  inclusionRoute,
  inclusionBatchRoute,
  consistencyRoute,
  logInfoRoute,
  healthRoute,
  readinessRoute,
  metricsRoute,
];

/** The OpenAPI 3.1 document, the same for every log. `spec/openapi.json` is a copy that `write-openapi.ts` keeps. */
export function openApiDocument(): object {
  const app = new OpenAPIHono();
  for (const route of [...HAND_WRITTEN_ROUTES, ...JSON_ROUTES]) app.openAPIRegistry.registerPath(route);
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "A write token. Not needed on a loopback listener, nor with --open-writes.",
  });
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Bristlecone log",
      version: "1",
      description:
        "An append-only log that proves what it holds. Reading follows c2sp.org/tlog-tiles. Normative text: spec/http-api.md.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [{ url: "/" }],
  });
}

/** `GET /openapi.json` */
export function openApiRoutes(): Hono<HttpEnv> {
  return new Hono<HttpEnv>().get("/openapi.json", openApiText(openApiDocument));
}
