// The ceiling of an HTTP server in Node: reads a body and answers, or answers a GET with 8 KiB, and does nothing else.
import { createServer } from "node:http";

const TILE = Buffer.alloc(8192, 1);

createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    if (request.method === "GET") {
      response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": TILE.length });
      response.end(TILE);
    } else {
      response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8", "Content-Length": 1 });
      response.end("0");
    }
  });
}).listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });

process.on("SIGTERM", () => process.exit(0));
