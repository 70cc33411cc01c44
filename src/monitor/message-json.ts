import { alertJson } from "./alert.ts";
import type { AlertMessage } from "./delivery.ts";

/** {"type":"bristlecone.alerts","timestamp":"2026-11-22T07:28:34.233Z","data":{"alerts":[…]}} and a newline: what webhooks and programs get. */
export function messageText({ alerts }: AlertMessage, nowMs: number): string {
  const json = {
    type: "bristlecone.alerts",
    timestamp: new Date(nowMs).toISOString(),
    data: { alerts: alerts.map(alertJson) },
  };
  return `${JSON.stringify(json)}\n`;
}
