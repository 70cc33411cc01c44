import { type LogClient, type LogClientOptions, openLogClient } from "../../client/log-client.ts";
import type { FakeLog } from "./fake-log.ts";
import { fakeTime } from "./fake-time.ts";

/** A client of a fake log: its clock moves only when it waits, its jitter is always half. */
export function clientOf(log: FakeLog, options: Partial<LogClientOptions> = {}): LogClient {
  const time = fakeTime({ timeoutMs: 30_000 });
  const { url, vkey, fetch } = log;
  return openLogClient({ ...time, url, vkey, fetch, random: () => 0.5, ...(options as object) });
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
