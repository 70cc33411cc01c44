/** Three dashboards: for who pays for the log, for who was woken by it, for who looks for the cause. */
import type { Dashboard } from "./panel.ts";
import { DEBUG } from "./panels-debug.ts";
import { EXECUTIVE } from "./panels-executive.ts";
import { ON_CALL } from "./panels-on-call.ts";

export const DASHBOARDS: readonly Dashboard[] = [EXECUTIVE, ON_CALL, DEBUG];
