/** Asks a log that may be failing, and notes what it promises. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { statSync, truncateSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import type { RunningServe } from "../cli/harness.ts";
import type { Heard } from "./promises.ts";

/** How many answers there were of each status; 0: none came. */
export type Answers = Readonly<Record<number, number>>;

export interface Readiness {
  readonly status: string;
  readonly code?: string;
  readonly message?: string;
  readonly publishedSize?: number;
}

export interface FaultClient {
  /** Eight at a time. */
  addMany(text: string, count: number): Promise<Answers>;
  /** Adds, and waits for a receipt. */
  receipt(text: string): Promise<number>;
  read(path: string): Promise<number>;
  /** Adds, also large batches, until `/readyz` says `wanted`; "writable": for a while. */
  untilDecided(admin: number, wanted: string): Promise<Answers>;
}

export function clientOf({ url }: RunningServe, heard: Heard): FaultClient {
  const ask = async (path: string, init: RequestInit = {}): Promise<number> => {
    try {
      const response = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(15_000) });
      heard.hear(Buffer.from(await response.arrayBuffer()));
      return response.status;
    } catch {
      return 0;
    }
  };
  const add = (text: string) =>
    ask("/add", { method: "POST", body: text, headers: { Accept: "application/json" } });
  const addMany = async (text: string, count: number): Promise<Answers> => {
    const answers: Record<number, number> = {};
    for (let at = 0; at < count; at += 8) {
      const some = Array.from({ length: Math.min(8, count - at) }, (_, beside) =>
        add(`${text} ${at + beside}`),
      );
      for (const status of await Promise.all(some)) answers[status] = (answers[status] ?? 0) + 1;
    }
    return answers;
  };
  return {
    addMany,
    receipt: (text) =>
      ask("/add", {
        method: "POST",
        body: text,
        headers: { Accept: "text/x.tlog.proof", Prefer: "wait=10" },
      }),
    read: (path) => ask(path),
    async untilDecided(admin, wanted) {
      const answers: Record<number, number> = {};
      for (let round = 0; round < (wanted === "writable" ? 16 : 200); round++) {
        // Large ones too: a map or a file that must grow grows only for much.
        const large = round % 2 === 1 ? "x".repeat(60_000) : "";
        for (const [status, count] of Object.entries(await addMany(`during ${round} ${large}`, 8)))
          answers[Number(status)] = (answers[Number(status)] ?? 0) + count;
        const ready = await readiness(admin).catch(() => undefined);
        if (ready === undefined || (wanted !== "writable" && ready.code === wanted)) break;
      }
      return answers;
    },
  };
}

export async function readiness(port: number): Promise<Readiness> {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(10_000) });
  const ready: Readiness = JSON.parse(await response.text());
  return ready;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** So many descriptors, from now on. Linux. */
export function limitDescriptors({ child }: RunningServe, count: number): void {
  execFileSync("prlimit", ["--pid", String(child.pid), `--nofile=${count}:${count}`]);
}

/** Opens connections and says nothing on them. Those that are refused count too. */
export async function holdConnections(url: string, count: number): Promise<readonly Socket[]> {
  const { hostname, port } = new URL(url);
  const sockets = Array.from({ length: count }, () => connect({ host: hostname, port: Number(port) }));
  await Promise.all(
    sockets.map((socket) => {
      socket.on("error", () => undefined);
      return Promise.race([once(socket, "connect"), once(socket, "close")]);
    }),
  );
  return sockets;
}

export function cutOff(path: string): void {
  truncateSync(path, Math.floor(statSync(path).size / 8192) * 4096);
}
