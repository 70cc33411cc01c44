import type { OpenAPIHono } from "@hono/zod-openapi";
import { READ_HEADERS } from "./headers.ts";
import { HAND_WRITTEN_ROUTES } from "./openapi-routes.ts";
import type { HttpEnv } from "./path.ts";

/**
 * The OpenAPI 3.1 document of an app: its JSON routes from the code, and the routes whose bodies are not JSON from
 * `openapi-routes.ts`. The same for every log; `spec/openapi.json` is a copy.
 */
export function openApiDocument(app: OpenAPIHono<HttpEnv>): object {
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

/** Adds `GET /openapi.json` and describes the routes that do not describe themselves. Call it after all other routes. */
export function openApiRoute(app: OpenAPIHono<HttpEnv>): void {
  for (const route of HAND_WRITTEN_ROUTES) app.openAPIRegistry.registerPath(route);
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "A write token. Not needed on a loopback listener, nor with --open-writes.",
  });
  let text: string | undefined; // made at the first request
  app.get("/openapi.json", () => {
    text ??= JSON.stringify(openApiDocument(app));
    return new Response(text, { headers: DOCUMENT_HEADERS });
  });
}

const DOCUMENT_HEADERS = {
  ...READ_HEADERS,
  "Content-Type": "application/json",
  "Cache-Control": "public, max-age=3600",
} as const;
