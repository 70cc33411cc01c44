import { OpenAPIHono } from "@hono/zod-openapi";
import type { HotRoute } from "./exchange.ts";
import { honoHandler } from "./exchange-hono.ts";
import { type HttpEnv, rawPath } from "./path.ts";
import { type OnError, problemFrom } from "./problem.ts";
import { unmatchedHandler } from "./unmatched.ts";

/** An app without routes: one spelling a path, problems for errors, the operator told about every 500. */
export function createApp(onError: OnError | undefined): HttpApp {
  const app = new HttpApp({ getPath: rawPath });
  app.onError((error, c) => {
    const requestId = c.env?.asked?.id;
    const response = problemFrom(error, c.req.raw, { requestId });
    if (response.status === 500) onError?.({ error, method: c.req.method, path: c.req.path, requestId });
    return response;
  });
  app.notFound(unmatchedHandler(app));
  return app;
}

/** A hono app some of whose routes a listener may serve without hono, when the request is a plain one. */
export class HttpApp extends OpenAPIHono<HttpEnv> {
  readonly #hotRoutes: HotRoute[] = []; // owned by hot()

  get hotRoutes(): readonly HotRoute[] {
    return this.#hotRoutes;
  }

  /** Registers routes, for hono and for sockets. */
  hot(routes: readonly HotRoute[]): void {
    for (const { method, path, handle } of routes) this.on(method, path, honoHandler(handle));
    this.#hotRoutes.push(...routes);
  }
}
