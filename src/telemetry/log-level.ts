/** Least serious first. "error": a person has to act; "warn": somebody should look; "debug": each stage and each request. */
export const LOG_LEVELS = Object.freeze(["debug", "info", "warn", "error"] as const);

export type LogLevel = (typeof LOG_LEVELS)[number];
