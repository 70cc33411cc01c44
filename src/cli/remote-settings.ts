import type { SettingName } from "../settings.ts";

/** What every command that talks to a log accepts. */
export const REMOTE_SETTINGS: readonly SettingName[] = Object.freeze([
  "log",
  "vkey",
  "policy",
  "origin",
  "state",
  "memory",
  "timeout",
]);

/** What a command that writes accepts beside them. */
export const WRITE_SETTINGS: readonly SettingName[] = Object.freeze([...REMOTE_SETTINGS, "tokenFile"]);
