import { OpenAPIHono } from "@hono/zod-openapi";
import type { Hono } from "hono";
import type { Witness } from "../witness/witness.ts";
import { createApp, type HttpApp } from "./create-app.ts";
import { DEFAULT_WITNESS_HTTP_LIMITS, type WitnessHttpLimits } from "./limits.ts";
import { openApiText } from "./openapi-text.ts";
import type { HttpEnv } from "./path.ts";
import type { OnError } from "./problem.ts";
import { witnessEvidenceRoutes } from "./witness-evidence.ts";
import { witnessInfoRoutes } from "./witness-info.ts";
import { witnessOpenApiDocument } from "./witness-openapi.ts";
import { witnessProblem } from "./witness-problem.ts";
import { witnessReadRoutes } from "./witness-reads.ts";
import { witnessPreflights, witnessWriteRoutes } from "./witness-writes.ts";

export interface WitnessAppOptions {
  readonly witness: Witness;
  /** The program's version, shown in /witness.json. */
  readonly version: string;
  readonly limits?: Partial<WitnessHttpLimits>;
  readonly onError?: OnError | undefined;
  /** Milliseconds on a clock that never goes back. Default: performance.now. */
  readonly now?: () => number;
}

/**
 * The public HTTP API of a witness: `spec/http-api.md`, "A witness". c2sp.org/tlog-witness, HTTP interface
 * Every URL in its answers is relative to the request's own, so it need not know what a proxy in front made of its path.
 * @param below - the path it is served below. Default "/".
 */
export function createWitnessApp(options: WitnessAppOptions, below = "/"): HttpApp {
  const limits = { ...DEFAULT_WITNESS_HTTP_LIMITS, ...options.limits };
  const app = createApp(options.onError);
  const prefix = below === "/" ? "" : below;
  const writes = witnessWriteRoutes(options.witness, { ...limits, onError: options.onError });
  app.hot(writes.map((route) => ({ ...route, path: prefix + route.path })));
  app.route(below, otherRoutes(options, limits));
  return app;
}

function otherRoutes(
  { witness, version, onError, now = () => performance.now() }: WitnessAppOptions,
  limits: WitnessHttpLimits,
): Hono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.onError((error, c) => {
    const { method, path } = c.req;
    const requestId = c.env?.asked?.id;
    const response = witnessProblem(error, { method, requestId });
    if (response.status === 500) onError?.({ error, method, path, requestId });
    return response;
  });
  app.route("/", witnessPreflights());
  app.route("/", witnessEvidenceRoutes(witness, { ...limits, now }));
  app.route("/", witnessReadRoutes(witness));
  app.route("/", witnessInfoRoutes(witness, { ...limits, version, now }));
  app.get("/openapi.json", openApiText(witnessOpenApiDocument));
  return app;
}
