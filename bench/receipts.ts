/**
 * `tsx bench/receipts.ts [--rate N] [--seconds N] [--idle N] [--interval MS]`: time from POST /add to a receipt that two of three local
 * witnesses cosigned, first on an idle log (one entry at a time, with pauses longer than the checkpoint interval), then with entries
 * that arrive at a fixed rate whether or not the ones before are answered (an open loop: what waits shows).
 */
import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startLog } from "./servers.ts";

const { values } = parseArgs({
  options: {
    rate: { type: "string", default: "500" },
    seconds: { type: "string", default: "20" },
    idle: { type: "string", default: "20" },
    interval: { type: "string", default: "1000" },
  },
});
const [rate, seconds, idle, intervalMs] = [values.rate, values.seconds, values.idle, values.interval].map(
  Number,
) as [number, number, number, number];

const log = await startLog({
  flags: ["--local-witnesses", "3", "--checkpoint-interval", String(intervalMs)],
});
const agent = new Agent({ keepAlive: true, maxSockets: 4000 });
try {
  await receipt();
  const alone: number[] = [];
  for (let count = 0; count < idle; count += 1) {
    await pause(intervalMs * 1.3 + Math.random() * 200);
    alone.push(await receipt());
  }
  report(`idle, ${idle} entries, checkpoint interval ${intervalMs} ms`, alone);
  const busy: Promise<number>[] = [];
  const startedAt = performance.now();
  while (performance.now() - startedAt < seconds * 1000) {
    const due = Math.floor(((performance.now() - startedAt) * rate) / 1000);
    while (busy.length < due) busy.push(receipt());
    await pause(2);
  }
  const times = await Promise.all(busy);
  report(`${rate} adds a second for ${seconds} s, every one waits for its receipt`, times);
} finally {
  agent.destroy();
  await log.stop();
}

/** Adds an entry and waits for its receipt. @returns milliseconds. */
function receipt(): Promise<number> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const post = request(
      `${log.url}/add`,
      {
        method: "POST",
        agent,
        headers: { Accept: "text/x.tlog.proof", Prefer: "wait=30", "Content-Length": 256 },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          // One line of the log and at least two of the witnesses.
          const isQuorate = text.startsWith("c2sp.org/tlog-proof@v1\n") && text.split("\n— ").length >= 4;
          if (isQuorate) resolve(performance.now() - startedAt);
          else reject(new Error(`answered ${answer.statusCode}: ${text.slice(0, 500)}`));
        });
      },
    );
    post.on("error", reject);
    post.end(randomBytes(256));
  });
}

function report(what: string, times: number[]): void {
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? Number.NaN).toFixed(1);
  process.stdout.write(
    `${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${(times.at(-1) ?? 0).toFixed(1)} ms (${times.length})\n`,
  );
}
