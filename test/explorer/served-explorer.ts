/** A log with its explorer behind a proxy that can change what the browser is shown. */
import { createServer, type Server, type ServerResponse } from "node:http";
import { buildExplorer } from "../../explorer/build.ts";
import { type Log, type MountedWitness, openLog, openMemoryStore, serveLog } from "../../src/server.ts";
import { entry, ORIGIN, testSigner } from "../log/harness.ts";

/** Changes the body of answers whose path fits, or answers in place of the log. */
export type Change = { readonly path: RegExp } & (
  | { readonly change: (body: Uint8Array) => Uint8Array }
  | { readonly answer: (response: ServerResponse) => void }
);

export interface ServedExplorer {
  readonly log: Log;
  /** Of the proxy, with a slash. */
  readonly url: string;
  /** Of the log's own server, whose streams the proxy would hold back. */
  readonly direct: string;
  readonly vkey: string;
  /** From now on; nothing: shows everything as it is. */
  show(...changes: readonly Change[]): void;
  /** From now on answers come from another log; undefined: from this one. */
  showOther(url: string | undefined): void;
  close(): Promise<void>;
}

const files = buildExplorer().then((built) => new Map(built.map(({ name, bytes }) => [name, bytes])));

/** The explorer's files, built once. */
export function explorerFiles(): typeof files {
  return files;
}

export async function serveExplorer(
  options: {
    readonly entries?: readonly Uint8Array[];
    readonly count?: number;
    readonly witnesses?: Parameters<typeof openLog>[0]["witnesses"];
    readonly mounted?: readonly MountedWitness[];
    /** An open one; it is closed with the rest. */
    readonly log?: Log;
    /** The path below which the proxy shows the log, with slashes: "/logs/one/". */
    readonly prefix?: string;
  } = {},
): Promise<ServedExplorer> {
  const { entries, count = 0, witnesses, mounted = [], prefix = "/" } = options;
  const store = openMemoryStore({ origin: ORIGIN });
  const log = options.log ?? (await openLog({ store, signer: await testSigner(), witnesses }));
  const listen = { host: "127.0.0.1", port: 0 };
  const server = await serveLog({ log, listen, witnesses: mounted, explorer: await files });
  const bytes = entries ?? Array.from({ length: count }, (_, index) => entry(index));
  for (let at = 0; at < bytes.length; at += 8_000) await log.addBatch(bytes.slice(at, at + 8_000));
  if (bytes.length > 0) await log.untilPublished(bytes.length - 1, { signal: AbortSignal.timeout(30_000) });
  let changes: readonly Change[] = [];
  let upstream = server.url;
  const proxy = createServer((request, response) => {
    const asked = request.url ?? "/";
    if (!asked.startsWith(prefix)) {
      response.writeHead(404).end();
      return;
    }
    const path = `/${asked.slice(prefix.length)}`;
    const [change] = changes.filter((one) => one.path.test(path));
    if (change !== undefined && "answer" in change) {
      change.answer(response);
      return;
    }
    void fetch(upstream + path, { headers: { "accept-encoding": "identity" } })
      .then(async (answer) => {
        const whole = new Uint8Array(await answer.arrayBuffer());
        const body = change === undefined ? whole : change.change(whole);
        const headers = [...answer.headers].filter(
          ([name]) =>
            !/^(content-length|transfer-encoding|connection|keep-alive|etag|cache-control)$/.test(name),
        );
        response.writeHead(answer.status, Object.fromEntries(headers)).end(body);
      })
      .catch(() => response.destroy());
  });
  return {
    log,
    url: (await listening(proxy)) + prefix.slice(1),
    direct: `${server.url}/`,
    vkey: log.vkeys[0] ?? "",
    show: (...shown) => {
      changes = shown;
    },
    showOther: (url) => {
      upstream = url?.replace(/\/$/, "") ?? server.url;
    },
    async close() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      await server.close();
      await log.close();
    },
  };
}

/** Serves files from memory, as any web server would. */
export async function serveFiles(
  served: ReadonlyMap<string, Uint8Array>,
): Promise<{ url: string; close(): void }> {
  const types: Record<string, string> = {
    html: "text/html",
    js: "text/javascript",
    css: "text/css",
    svg: "image/svg+xml",
  };
  const server = createServer((request, response) => {
    const name = (request.url ?? "/").slice(1) || "index.html";
    const body = served.get(name);
    if (body === undefined) response.writeHead(404).end();
    else
      response
        .writeHead(200, { "content-type": types[name.split(".").at(-1) ?? ""] ?? "text/plain" })
        .end(body);
  });
  return { url: await listening(server), close: () => server.close() };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}/`;
}
