import { OpenAPIHono } from "@hono/zod-openapi";
import type { Hono } from "hono";
import type { Witness } from "../witness/witness.ts";
import { createApp } from "./create-app.ts";
import { DEFAULT_WITNESS_HTTP_LIMITS, type WitnessHttpLimits } from "./limits.ts";
import { openApiText } from "./openapi-text.ts";
import type { HttpEnv } from "./path.ts";
import type { OnError } from "./problem.ts";
import { witnessEvidenceRoutes } from "./witness-evidence.ts";
import { witnessInfoRoutes } from "./witness-info.ts";
import { witnessOpenApiDocument } from "./witness-openapi.ts";
import { witnessProblem } from "./witness-problem.ts";
import { witnessReadRoutes } from "./witness-reads.ts";
import { witnessWriteRoutes } from "./witness-writes.ts";

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
 * @param below - the path it is served below. Default "/".
 */
export function createWitnessApp(options: WitnessAppOptions, below = "/"): Hono<HttpEnv> {
  return createApp(options.onError).route(below, witnessRoutes(options));
}

/**
 * The same, to be mounted below any path of another app: every URL in its answers is relative to the request's own, so it needs to
 * know neither that path nor what a proxy in front made of it.
 */
export function witnessRoutes(options: WitnessAppOptions): Hono<HttpEnv> {
  const { witness, version, onError } = options;
  const limits = { ...DEFAULT_WITNESS_HTTP_LIMITS, ...options.limits };
  const now = options.now ?? (() => performance.now());
  const app = new OpenAPIHono<HttpEnv>();
  app.onError((error, c) => {
    const response = witnessProblem(error, c.req.raw);
    if (response.status === 500) onError?.({ error, method: c.req.method, path: c.req.path });
    return response;
  });
  app.route("/", witnessWriteRoutes(witness, limits));
  app.route("/", witnessEvidenceRoutes(witness, { ...limits, now }));
  app.route("/", witnessReadRoutes(witness));
  app.route("/", witnessInfoRoutes(witness, { ...limits, version, now }));
  app.get("/openapi.json", openApiText(witnessOpenApiDocument));
  return app;
}
