/** The load generator's process: a plan comes as its first argument, what happens goes to its parent. Started by run-load.ts. */
import { load } from "./load.ts";
import type { LoadMessage, LoadPlan } from "./plan.ts";

const plan: LoadPlan = JSON.parse(process.argv[2] ?? "{}");

try {
  const report = await load(plan, {
    windowBegan: () => tell({ kind: "window-began" }),
    windowEnded: () => tell({ kind: "window-ended" }),
  });
  tell({ kind: "report", report });
} catch (error) {
  tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
}
process.disconnect();

function tell(message: LoadMessage): void {
  process.send?.(message);
}
