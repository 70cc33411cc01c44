/** A log of any size whose entries are all alike: each level has one hash, so every tile can be made when it is asked for. */
import { createServer } from "node:http";
import { foldPeaks, peakCoordinates } from "../../src/merkle/compact-range.ts";
import { leafHash, nodeHash } from "../../src/merkle/hash.ts";
import { signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { ORIGIN, testSigner } from "../log/harness.ts";

const ENTRY = encodeUtf8("the same, every time");

/** Serves the files of a page, and the checkpoint, tiles and bundles of the log. */
export async function serveIdenticalLog(
  treeSize: number,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<{ readonly url: string; close(): void }> {
  const levels = [leafHash(ENTRY)];
  const hashAt = (level: number): Uint8Array => {
    for (let last = levels.at(-1); levels.length <= level && last !== undefined; last = levels.at(-1))
      levels.push(nodeHash(last, last));
    return levels[level] ?? ENTRY;
  };
  const rootHash = foldPeaks(peakCoordinates(treeSize).map(({ level }) => hashAt(level)));
  const checkpoint = await signCheckpoint({ origin: ORIGIN, treeSize, rootHash, extensions: [] }, [
    await testSigner(),
  ]);
  const bodyOf = (path: string): Uint8Array | undefined => {
    if (path === "/checkpoint") return checkpoint;
    const [, kind = "", width = "256"] =
      /^\/tile\/(\d+|entries)\/(?:x\d{3}\/)*\d{3}(?:\.p\/(\d+))?$/.exec(path) ?? [];
    const times = (one: Uint8Array) => Buffer.concat(Array.from({ length: Number(width) }, () => one));
    if (kind === "entries") return times(Buffer.concat([Buffer.from([0, ENTRY.length]), ENTRY]));
    return kind === ""
      ? files.get(path === "/" ? "index.html" : path.slice(1))
      : times(hashAt(8 * Number(kind)));
  };
  const types: Record<string, string> = {
    html: "text/html",
    js: "text/javascript",
    css: "text/css",
    svg: "image/svg+xml",
  };
  const server = createServer((request, response) => {
    const [path = "/"] = (request.url ?? "/").split("?");
    const body = bodyOf(path);
    const type = types[path === "/" ? "html" : (path.split(".").at(-1) ?? "")] ?? "application/octet-stream";
    if (body === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": type }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${address.port}/`, close: () => server.close() };
}
