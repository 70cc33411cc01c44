import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { Server } from "node:net";
import { expect } from "vitest";

export interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  body: string;
}

export interface Recorder {
  readonly url: string;
  /** What it was asked, in order. */
  readonly seen: readonly Seen[];
  /** Takes no more connections; those that are there end with their answers. */
  refuse(): void;
  close(): void;
}

/** A server that keeps what it is asked, bodies included. */
export async function record(answer: RequestListener): Promise<Recorder> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    const one: Seen = { method, url, headers, body: "" };
    seen.push(one);
    request.on("data", (chunk: Buffer) => {
      one.body += chunk.toString("latin1");
    });
    answer(request, response);
  });
  const url = `http://127.0.0.1:${await portOf(server)}`;
  const refuse = () => void server.close();
  const close = () => void server.close().closeAllConnections();
  return { url, seen, refuse, close };
}

/** Answers reads as `origin` does, with these headers instead of its own. */
export function passOn(origin: string, headers: Readonly<Record<string, string>> = {}): RequestListener {
  return async ({ method = "GET", url, headers: asked }, response) => {
    const answer = await fetch(origin + url, {
      method,
      headers: { "accept-encoding": String(asked["accept-encoding"] ?? "identity") },
    });
    // What fetch has undone.
    const own = [...answer.headers].filter(
      ([name]) => !["content-encoding", "content-length"].includes(name),
    );
    response.writeHead(answer.status, { ...Object.fromEntries(own), ...headers });
    response.end(Buffer.from(await answer.arrayBuffer()));
  };
}

export async function portOf(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : expect.unreachable("no port");
}

interface JsonResult {
  readonly name?: string;
  readonly verdict?: string;
  readonly note?: string;
  readonly summary?: Readonly<Record<string, unknown>>;
}

/** What `--json` prints. */
export function jsonLines(stdout: string): readonly JsonResult[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Nothing here is a stranger's. */
export const FAST = ["--rate", "1000"];
