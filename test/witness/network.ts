/** Logs and witnesses that answer in this process: each URL is a function of the path below it. */
import type { FetchFunction } from "../../client/fetcher.ts";
import { formatNote, noteSignature, parseNote } from "../../src/tlog/note.ts";
import { parseTilePath } from "../../src/tlog/tile.ts";
import { cosignerKey, type TestLog } from "./harness.ts";

export type Answer = (path: string) => Response | Promise<Response>;

export interface Network {
  readonly fetch: FetchFunction;
  /** URLs asked for so far. */
  readonly asked: string[];
  /** The answer of everything below a URL; the last one counts. */
  at(url: string, answer: Answer): void;
}

export function network(): Network {
  const answers = new Map<string, Answer>();
  const asked: string[] = [];
  return {
    asked,
    at: (url, answer) => void answers.set(`${url}/`, answer),
    fetch: async (url) => {
      asked.push(url);
      const [prefix = "", answer] = [...answers].find(([start]) => url.startsWith(start)) ?? [];
      if (answer === undefined) throw new TypeError("fetch failed");
      return answer(url.slice(prefix.length));
    },
  };
}

export function body(bytes: Uint8Array | undefined): Response {
  return bytes === undefined
    ? new Response("not found", { status: 404 })
    : new Response(new Uint8Array(bytes));
}

/** Never. */
export function hanging(): Promise<Response> {
  return new Promise(() => undefined);
}

/** More than anybody reads. */
export function endless(): Response {
  return new Response(
    new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(0x61)) }),
  );
}

/** A log on the network, which shows what it is told to and serves the tiles of its tree. */
export interface ShownLog {
  log: TestLog;
  note: Uint8Array;
  servesTiles: boolean;
  beforeTile: () => Promise<void>;
}

export async function showLog(network: Network, url: string, log: TestLog, size: number): Promise<ShownLog> {
  const shown = { log, note: await log.note(size), servesTiles: true, beforeTile: async () => undefined };
  network.at(url, async (path) => {
    if (path === "checkpoint") return body(shown.note);
    await shown.beforeTile();
    return body(shown.servesTiles ? tileOf(shown.log, path) : undefined);
  });
  return shown;
}

function tileOf({ tree }: TestLog, path: string): Uint8Array | undefined {
  const { level, index, width } = parseTilePath(path);
  const span = 256 ** level;
  const first = index * 256;
  if ((first + width) * span > tree.leafHashes.length) return undefined;
  const hashes = Array.from({ length: width }, (_, at) =>
    tree.hash((first + at) * span, (first + at + 1) * span),
  );
  return Buffer.concat(hashes);
}

/** The note with a cosignature of a test key added. */
export async function cosigned(
  note: Uint8Array,
  by: { readonly name: string; readonly timestampSeconds: number; readonly number?: number },
): Promise<Uint8Array> {
  const { text, signatures } = parseNote(note);
  const key = await cosignerKey(by.name, 4, by.number);
  const payload = await key.cosign({ timestampSeconds: by.timestampSeconds, checkpointText: text });
  return formatNote({ text, signatures: [...signatures, noteSignature(key.verifierKey, payload)] });
}
