// node:http that reads a log's tiles out of its LMDB, one group of eight a value (spec/storage.md), and does nothing else.
import { createServer } from "node:http";
import { open } from "lmdb";

const TILE_BYTES = 8192;
const TILES_PER_GROUP = 8;
const [port, data] = process.argv.slice(2);

const root = open({ path: `${data}/data.mdb`, noSubdir: true, readOnly: true, maxDbs: 16 });
const tiles = root.openDB({ name: "tiles", encoding: "binary", keyEncoding: "binary" });
const key = Buffer.alloc(9);

createServer((request, response) => {
  // "/tile/0/x001/234"
  const path = request.url ?? "";
  const level = path.charCodeAt(6) - 48;
  const index = Number(path.slice(8).replaceAll("x", "").replaceAll("/", ""));
  key[0] = level;
  key.writeUIntBE(Math.floor(index / TILES_PER_GROUP), 3, 6);
  const group = Number.isSafeInteger(index) ? tiles.getBinary(key) : undefined;
  const start = (index % TILES_PER_GROUP) * TILE_BYTES;
  if (group === undefined || group.length < start + TILE_BYTES) {
    response.writeHead(404, { "Content-Length": 0 });
    response.end();
    return;
  }
  response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": TILE_BYTES });
  response.end(group.subarray(start, start + TILE_BYTES));
}).listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });

process.on("SIGTERM", () => process.exit(0));
