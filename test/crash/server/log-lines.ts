import type { LogEvents } from "../../../src/events.ts";
import * as original from "../../../src/telemetry/log-lines.ts";
import { reach } from "./failpoints.ts";

export * from "../../../src/telemetry/log-lines.ts";

/** Readers see a checkpoint when this is told, and who waits for it is answered next. */
export function logLines(...args: Parameters<typeof original.logLines>): Required<LogEvents> {
  const lines = original.logLines(...args);
  return {
    ...lines,
    checkpointPublished(event) {
      reach("show", "after", () => ({ treeSize: event.treeSize }));
      lines.checkpointPublished(event);
    },
  };
}
