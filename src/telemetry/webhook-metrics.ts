import type { LogEvents } from "../events.ts";
import type { MetricRegistry } from "./metric-registry.ts";

/** What receivers of a log's messages take, and how fast; as many labels as the operator wrote down. */
export function webhookEvents(
  registry: MetricRegistry,
  names: readonly string[],
): Pick<LogEvents, "webhookOpened" | "webhookDelivered" | "webhookFailed"> {
  if (names.length === 0) return {};
  const deliveries = registry.counter("bristlecone_log_webhook_deliveries_total");
  const took = registry.histogram("bristlecone_log_webhook_duration_seconds");
  const failing = new Set<string>(); // owned by the two events
  const told = new Map<string, number>(); // owned by webhookOpened() and webhookDelivered()
  for (const webhook of names) {
    for (const outcome of ["delivered", "failed"]) deliveries.inc({ webhook, outcome }, 0);
  }
  registry.gauge("bristlecone_log_webhook_up", () =>
    names.map((webhook) => ({ labels: { webhook }, value: failing.has(webhook) ? 0 : 1 })),
  );
  registry.gauge("bristlecone_log_webhook_told_entries", () =>
    [...told].map(([webhook, value]) => ({ labels: { webhook }, value })),
  );
  return {
    webhookOpened({ name, treeSize }) {
      told.set(name, treeSize);
    },
    webhookDelivered({ name, treeSize, elapsedMs }) {
      deliveries.inc({ webhook: name, outcome: "delivered" });
      took.observe({ webhook: name }, elapsedMs / 1000);
      told.set(name, treeSize);
      failing.delete(name);
    },
    webhookFailed({ name }) {
      deliveries.inc({ webhook: name, outcome: "failed" });
      failing.add(name);
    },
  };
}
