/** nginx, serving the tiles of a log as the files that they are: what an operator would put on a web server or a bucket. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatTilePath, TILE_WIDTH } from "../../src/tlog/tile.ts";
import { type Cores, hasCommand } from "../pinning.ts";
import { type BenchServer, freePort, startServer } from "../servers.ts";

export function hasNginx(): boolean {
  return hasCommand("nginx");
}

/** Fetches the full tiles of level 0 and writes each to its path below `folder`. @returns how many there are. */
export async function writeTiles(url: string, treeSize: number, folder: string): Promise<number> {
  const count = Math.floor(treeSize / TILE_WIDTH);
  for (let index = 0; index < count; index += 1) {
    const path = formatTilePath({ level: 0, index, width: TILE_WIDTH });
    const answer = await fetch(`${url}/${path}`);
    if (!answer.ok) throw new Error(`${url}/${path} answered ${answer.status}`);
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, new Uint8Array(await answer.arrayBuffer()));
  }
  return count;
}

/**
 * One worker, as tuned as its documents say for small files: sendfile, no access log, names and descriptors of all files kept open.
 * @param folder - of `writeTiles`; nginx's own files go there too.
 */
export async function startNginx(folder: string, tiles: number, cores?: Cores): Promise<BenchServer> {
  const port = await freePort();
  const file = join(folder, "nginx.conf");
  writeFileSync(file, configuration(folder, tiles, port));
  const command = ["nginx", "-p", folder, "-c", file, "-e", join(folder, "errors")];
  return await startServer(command, { url: `http://127.0.0.1:${port}`, path: "/", cores });
}

/** It runs as whoever started it: the folder is closed to others. */
function configuration(folder: string, tiles: number, port: number): string {
  return `daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes 1;
worker_rlimit_nofile ${tiles + 4096};
pid ${join(folder, "pid")};
events { worker_connections 4096; }
http {
  default_type application/octet-stream;
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  open_file_cache max=${tiles + 1000} inactive=1h;
  open_file_cache_valid 1h;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${join(folder, name)};`).join("\n  ")}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${folder};
    location /tile/ { add_header Cache-Control "public, max-age=31536000, immutable"; }
  }
}
`;
}
