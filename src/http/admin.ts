import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Log } from "../log/log.ts";
import { WRITE_HEADERS } from "./headers.ts";
import type { HttpEnv } from "./path.ts";
import type { ServedMetrics } from "./running-server.ts";

/**
 * `GET /healthz` and `GET /readyz`, for the admin port only.
 * @param isClosing - whether the public listener is closing, before the log itself is.
 */
export function adminRoutes(
  log: Log,
  isClosing: () => boolean,
  readers?: () => ReaderCount,
): OpenAPIHono<HttpEnv> {
  return new OpenAPIHono<HttpEnv>()
    .openapi(healthRoute, (c) => c.json({ status: "ok" as const }, 200, WRITE_HEADERS))
    .openapi(readinessRoute, (c) => {
      const state = isClosing() ? ({ status: "closing" } as const) : log.state();
      const answer = {
        ...state,
        integratedSize: log.integratedSize(),
        publishedSize: log.published().treeSize,
        ...quorumState(log),
        ...(readers && { readers: readers() }),
        ...scrubState(log),
      };
      // A log that ended is as it should be.
      const isReady = ["writable", "frozen"].includes(state.status) && answer.readers?.up !== 0;
      return c.json(answer, isReady ? 200 : 503, WRITE_HEADERS);
    });
}

/** `GET /metrics`; not found where nobody makes any. */
export function metricsRoutes(metrics: Pick<ServedMetrics, "page"> | undefined): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  if (metrics === undefined) return app;
  return app.openapi(metricsRoute, async (c) => {
    const { contentType, body } = await metrics.page();
    return c.text(body, 200, { ...WRITE_HEADERS, "Content-Type": contentType });
  });
}

/** How many readers there should be, and how many listen. */
export interface ReaderCount {
  readonly wanted: number;
  readonly up: number;
}

/** Who does not cosign, and why: in full, since only the operator reads it. A missing quorum stops no entry. */
function quorumState(log: Log): Pick<z.infer<typeof Readiness>, "quorum"> {
  const witnessing = log.witnessing();
  if (witnessing === undefined) return {};
  const failing = witnessing.witnesses.flatMap(({ name, isFailing, lastFailure }) =>
    isFailing && lastFailure !== undefined ? [{ name, ...lastFailure }] : [],
  );
  return { quorum: { mode: witnessing.mode, missing: witnessing.isQuorumMissing, failing } };
}

/** Bytes that are wrong are served to nobody; all else is, and entries are taken: that is no reason to send requests elsewhere. */
function scrubState(log: Log): Pick<z.infer<typeof Readiness>, "scrub"> {
  const scrubbing = log.scrubbing?.();
  if (scrubbing === undefined) return {};
  const { findings, first, lastPassedAtMs } = scrubbing;
  const lastPassed = lastPassedAtMs === undefined ? undefined : new Date(lastPassedAtMs).toISOString();
  return { scrub: { findings, first, lastPassed } };
}

/** Marks a route of the admin listener in the OpenAPI document. */
export const ADMIN = {
  tags: ["admin"],
  servers: [{ url: "/", description: "The admin listener, --admin-listen." }],
};

export const metricsRoute = createRoute({
  method: "get",
  path: "/metrics",
  ...ADMIN,
  summary: "What a Prometheus server collects",
  responses: {
    200: {
      description: "The Prometheus text format 0.0.4. deploy/README.md has the table of what is in it.",
      content: { "text/plain": { schema: z.string() } },
    },
  },
});

export const healthRoute = createRoute({
  method: "get",
  path: "/healthz",
  ...ADMIN,
  summary: "The process answers",
  responses: {
    200: {
      description: "It does.",
      content: { "application/json": { schema: z.object({ status: z.literal("ok") }).openapi("Health") } },
    },
  },
});

const Readiness = z
  .object({
    status: z.enum(["writable", "frozen", "read-only", "closing"]),
    code: z.string().optional().openapi({ description: "Why it is read-only." }),
    message: z.string().optional(),
    integratedSize: z.int(),
    publishedSize: z.int(),
    quorum: z
      .object({
        mode: z.enum(["strict", "best-effort"]),
        missing: z
          .boolean()
          .openapi({ description: "The last attempt to get a quorum failed, or is taking long." }),
        failing: z.array(
          z.object({ name: z.string(), code: z.string(), message: z.string(), atSeconds: z.int() }),
        ),
      })
      .optional()
      .openapi({ description: "For a log with witnesses." }),
    scrub: z
      .object({
        findings: z.int(),
        first: z.string().optional(),
        lastPassed: z.string().optional().openapi({ description: "When a whole pass last found nothing." }),
      })
      .optional()
      .openapi({ description: "What is wrong on the disk. It is withheld, and the rest is served." }),
    readers: z.object({ wanted: z.int(), up: z.int() }).optional().openapi({
      description: "For a log with readers in further processes. Without any it cannot be reached.",
    }),
  })
  .openapi("Readiness");

export const readinessRoute = createRoute({
  method: "get",
  path: "/readyz",
  ...ADMIN,
  summary: "The log takes entries, or ended and is served",
  responses: {
    200: { description: "It does.", content: { "application/json": { schema: Readiness } } },
    503: {
      description: "It does not; reads may still work.",
      content: { "application/json": { schema: Readiness } },
    },
  },
});
