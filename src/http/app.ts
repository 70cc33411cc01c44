import { OpenAPIHono } from "@hono/zod-openapi";
import type { Log } from "../log/log.ts";
import type { WriteAccess } from "./access.ts";
import { addRoutes } from "./add.ts";
import { adminRoutes } from "./admin.ts";
import { entryRoutes } from "./entries.ts";
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { logInfoRoutes } from "./log-info.ts";
import { openApiRoutes } from "./openapi.ts";
import { type HttpEnv, rawPath } from "./path.ts";
import { type OnError, problemFrom } from "./problem.ts";
import { proofRoutes } from "./proofs.ts";
import { receiptRoutes } from "./receipts.ts";
import { tileRoutes } from "./tiles.ts";
import { unmatchedHandler } from "./unmatched.ts";

export interface LogAppOptions {
  readonly log: Log;
  readonly writeAccess: WriteAccess;
  /** The program's version, shown in /log.json. */
  readonly version: string;
  readonly limits?: Partial<HttpLimits>;
  readonly onError?: OnError;
}

/** The public HTTP API of a log: `spec/http-api.md`. Needs no socket: `app.request("/checkpoint")`. */
export function createLogApp(options: LogAppOptions): OpenAPIHono<HttpEnv> {
  const { log, writeAccess, version } = options;
  const limits = { ...DEFAULT_HTTP_LIMITS, ...options.limits };
  const app = createApp(options.onError);
  app.route("/", tileRoutes(log, limits));
  app.route("/", addRoutes(log, { ...limits, writeAccess }));
  app.route("/", entryRoutes(log));
  app.route("/", receiptRoutes(log));
  app.route("/", proofRoutes(log));
  app.route("/", logInfoRoutes(log, { version, maxBatchBytes: limits.maxBatchBytes }));
  app.route("/", openApiRoutes());
  return app;
}

/** What only the operator may see: `/healthz`, `/readyz`. For a listener of its own, never the public one. */
export function createAdminApp(options: {
  readonly log: Log;
  /** Whether the public listener is closing. Default: it is not. */
  readonly isClosing?: () => boolean;
  readonly onError?: OnError;
}): OpenAPIHono<HttpEnv> {
  const app = createApp(options.onError);
  app.route("/", adminRoutes(options.log, options.isClosing ?? (() => false)));
  return app;
}

function createApp(onError: OnError | undefined): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>({ getPath: rawPath });
  app.onError((error, c) => {
    const response = problemFrom(error, c.req.raw);
    if (response.status === 500) onError?.({ error, method: c.req.method, path: c.req.path });
    return response;
  });
  app.notFound(unmatchedHandler(app));
  return app;
}
