import type { Hono } from "hono";
import { onTestFinished } from "vitest";
import type { ListenLimits } from "../../src/http/limits.ts";
import { listen, type RunningListener } from "../../src/http/listen.ts";
import type { HttpEnv } from "../../src/http/path.ts";
import type { Log } from "../../src/log/log.ts";
import { RawClient, statusesIn } from "./raw-client.ts";
import { openLogOfSize } from "./test-log.ts";

/** Serves `app` until the test that calls it ends. */
export async function serve(
  app: Hono<HttpEnv>,
  limits: Partial<ListenLimits> = {},
): Promise<RunningListener> {
  const listener = await listen({ app, host: "127.0.0.1", port: 0, limits });
  onTestFinished(() => listener.close({ deadlineMs: 0 }));
  return listener;
}

export async function serveLog(
  limits: Partial<ListenLimits> = {},
): Promise<{ log: Log; url: string; listener: RunningListener }> {
  const { log, app } = await openLogOfSize(3);
  const listener = await serve(app, limits);
  return { log, listener, url: listener.url };
}

export function get(path: string, more = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
}

export function post(headers: string, body = ""): string {
  return `POST /add HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n${body}`;
}

/** The status of one request whose path is sent exactly as it is. */
export async function statusOf(url: string, path: string): Promise<number | undefined> {
  const client = await RawClient.open(url);
  client.send(get(path, "Connection: close\r\n"));
  return statusesIn(await client.untilClosed())[0];
}
