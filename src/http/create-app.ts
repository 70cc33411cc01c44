import { OpenAPIHono } from "@hono/zod-openapi";
import { type HttpEnv, rawPath } from "./path.ts";
import { type OnError, problemFrom } from "./problem.ts";
import { unmatchedHandler } from "./unmatched.ts";

/** An app without routes: one spelling a path, problems for errors, the operator told about every 500. */
export function createApp(onError: OnError | undefined): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>({ getPath: rawPath });
  app.onError((error, c) => {
    const response = problemFrom(error, c.req.raw);
    if (response.status === 500) onError?.({ error, method: c.req.method, path: c.req.path });
    return response;
  });
  app.notFound(unmatchedHandler(app));
  return app;
}
