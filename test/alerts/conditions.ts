import type { Condition } from "./condition.ts";
import { DISK_CONDITIONS } from "./disk-conditions.ts";
import { KEY_CONDITIONS } from "./key-conditions.ts";
import { LOG_CONDITIONS } from "./log-conditions.ts";
import { MONITOR_CONDITIONS } from "./monitor-conditions.ts";
import { WITNESS_CONDITIONS } from "./witness-conditions.ts";

/** All of them go on side by side. */
export const CONDITIONS: readonly Condition[] = [
  ...LOG_CONDITIONS,
  ...KEY_CONDITIONS,
  ...DISK_CONDITIONS,
  ...WITNESS_CONDITIONS,
  ...MONITOR_CONDITIONS,
];
