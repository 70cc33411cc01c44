// The ceiling: what node:http does on this machine when nothing else is done.
import { createServer } from "node:http";

const TILE = Buffer.alloc(8192, 1);

createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": TILE.length });
      response.end(TILE);
    } else {
      response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
      response.end("0");
    }
  });
}).listen(Number(process.argv[2]), "127.0.0.1");

process.on("SIGTERM", () => process.exit(0));
