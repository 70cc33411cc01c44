import type { OpenAPIHono } from "@hono/zod-openapi";
import { TlogError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import type { WriteAccess } from "./access.ts";
import { addRoutes } from "./add.ts";
import { adminRoutes, metricsRoutes, type ReaderCount } from "./admin.ts";
import { createApp, type HttpApp } from "./create-app.ts";
import { entryRoute, lookupAnswers } from "./entries.ts";
import { eventsRoute } from "./event-streams.ts";
import { type ExplorerFiles, explorerRoutes } from "./explorer.ts";
import { keyHistoryRoutes } from "./key-history.ts";
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { logInfoRoutes } from "./log-info.ts";
import { openApiRoutes } from "./openapi.ts";
import { type KeptHeads, pastHeads } from "./past-heads.ts";
import type { HttpEnv } from "./path.ts";
import type { OnError } from "./problem.ts";
import { proofRoutes } from "./proofs.ts";
import { receiptRoute } from "./receipts.ts";
import type { MountedWitness, ServedMetrics } from "./running-server.ts";
import { checkpointRoute, tileRoute } from "./tiles.ts";
import { createWitnessApp } from "./witness.ts";

export interface LogAppOptions {
  readonly log: Log;
  readonly writeAccess: WriteAccess;
  /** The program's version, shown in /log.json. */
  readonly version: string;
  readonly limits?: Partial<HttpLimits>;
  /** Witnesses in the same process, each served below `/witness/<path>/`. */
  readonly witnesses?: readonly MountedWitness[];
  /** The port of the listener, once it is bound. Default: not known. */
  readonly boundPort?: () => number | undefined;
  /** The files of the explorer, served at `/`. Default: no such page. */
  readonly explorer?: ExplorerFiles | undefined;
  /** Where the heads for its picture of the log's growth outlive the process. Default: nowhere. */
  readonly keptHeads?: KeptHeads | undefined;
  readonly onError?: OnError;
}

/** The public HTTP API of a log: `spec/http-api.md`. Needs no socket: `app.request("/checkpoint")`. */
export function createLogApp(options: LogAppOptions): HttpApp {
  const { log, writeAccess, version, boundPort = () => undefined } = options;
  const limits = { ...DEFAULT_HTTP_LIMITS, ...options.limits };
  const app = createApp(options.onError);
  app.hot([
    checkpointRoute(log),
    tileRoute(log, limits),
    entryRoute(log),
    lookupAnswers(log),
    receiptRoute(log),
    eventsRoute(log, { limits, onError: options.onError }),
  ]);
  app.hot(proofRoutes(log));
  if (options.explorer !== undefined) {
    app.hot(explorerRoutes(options.explorer, pastHeads(log, { kept: options.keptHeads })));
  }
  app.hot(addRoutes(log, { ...limits, writeAccess }));
  app.route("/", logInfoRoutes(log, { version, maxBatchBytes: limits.maxBatchBytes, boundPort }));
  app.route("/", keyHistoryRoutes(log));
  app.route("/", openApiRoutes());
  mountWitnesses(app, options);
  return app;
}

/** As one route: a witness's own, which begin with a parameter, would make hono fall back to its slow router for the log too. */
function mountWitnesses(app: OpenAPIHono<HttpEnv>, options: LogAppOptions): void {
  const { witnesses = [], version, onError } = options;
  if (witnesses.length === 0) return;
  const apps = new Map(
    witnesses.map(({ witness, path }) => [
      path,
      createWitnessApp({ witness, version, onError }, `/witness/${path}`),
    ]),
  );
  app.all("/witness/*", async (c) => {
    const mounted = apps.get(c.req.path.split("/")[2] ?? "");
    if (mounted === undefined) throw new TlogError("NOT_FOUND", "no witness has this path");
    return await mounted.fetch(c.req.raw, c.env);
  });
}

/** What only the operator may see: `/healthz`, `/readyz`, `/metrics`. For a listener of its own, never the public one. */
export function createAdminApp(options: {
  readonly log: Log;
  /** Whether the public listener is closing. Default: it is not. */
  readonly isClosing?: () => boolean;
  /** Of a log with readers in further processes. */
  readonly readers?: () => ReaderCount;
  /** Default: no `/metrics`. */
  readonly metrics?: Pick<ServedMetrics, "page"> | undefined;
  readonly onError?: OnError;
}): OpenAPIHono<HttpEnv> {
  const app = createApp(options.onError);
  app.route("/", adminRoutes(options.log, options.isClosing ?? (() => false), options.readers));
  app.route("/", metricsRoutes(options.metrics));
  return app;
}
