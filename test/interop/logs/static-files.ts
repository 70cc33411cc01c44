/** A folder over HTTP, as a plain file server has it: what a log that only writes files leaves to nginx. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type LocalServer, startLocalServer } from "../local-server.ts";

export async function serveFiles(folder: string): Promise<LocalServer> {
  return await startLocalServer(async (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405).end();
      return;
    }
    // Once parsed, a URL holds no "..": nothing outside of the folder can be named.
    const url = `http://files${request.url}`;
    const pathname = URL.canParse(url) ? new URL(url).pathname : "/";
    const file = join(folder, pathname);
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile() !== true) {
      response.writeHead(404).end();
      return;
    }
    const type = pathname === "/checkpoint" ? "text/plain; charset=utf-8" : "application/octet-stream";
    response.writeHead(200, { "content-type": type, "content-length": found.size });
    if (request.method === "HEAD") response.end();
    else await pipeline(createReadStream(file), response).catch(() => {});
  });
}
