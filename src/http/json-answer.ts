import type { Answer } from "./exchange.ts";

/** 200 with JSON. @param text - ASCII only, so that its length is what it has in bytes. */
export function jsonAnswer(text: string, headers: Readonly<Record<string, string>>): Answer {
  return {
    status: 200,
    headers: { ...headers, "Content-Type": "application/json", "Content-Length": String(text.length) },
    body: text,
  };
}
