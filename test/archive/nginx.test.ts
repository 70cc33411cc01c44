import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openLogClient } from "../../client/index.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { testSigner } from "../log/harness.ts";
import { entryText, exportOf, makeLog, newFolder } from "./logs.ts";

const NGINX = ["/usr/sbin/nginx", "nginx"].find((path) => spawnSync(path, ["-v"]).status === 0);
let running: ChildProcess | undefined;

afterAll(() => {
  running?.kill("SIGQUIT");
});

/** nginx with the server of `deploy/nginx-static.conf`. @returns its URL. */
async function serveByNginx(folder: string, site: string): Promise<string> {
  const port = await freePort();
  const own = readFileSync(resolve("deploy/nginx-static.conf"), "utf8")
    .replace("listen 80;", `listen 127.0.0.1:${port};`)
    .replace("root /srv/www/log;", `root ${site};`);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  const config = join(folder, "nginx.conf");
  const http = ["access_log off;", ...paths, own].join("\n");
  // The tests may run as root, and nginx then reads as somebody who may not look into their folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  writeFileSync(
    config,
    `daemon off; master_process off; ${user}\npid ${join(folder, "pid")}; error_log ${join(folder, "errors")};\nevents {}\nhttp {\n${http}\n}\n`,
  );
  mkdirSync(join(folder, "logs"), { recursive: true });
  const child = spawn(NGINX ?? "", ["-p", folder, "-c", config], { stdio: "ignore" });
  running = child;
  const url = `http://127.0.0.1:${port}`;
  while (child.exitCode === null) {
    const isUp = await fetch(`${url}/checkpoint`).then(
      () => true,
      () => false,
    );
    if (isUp) return url;
  }
  throw new Error(readFileSync(join(folder, "errors"), "utf8"));
}

function freePort(): Promise<number> {
  return new Promise((found) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => found(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

describe.skipIf(NGINX === undefined)("an export behind nginx", () => {
  it("is a whole log to the client, with the types and caching of tlog-tiles", async () => {
    const folder = newFolder();
    const [data, site] = [join(folder, "data"), join(folder, "site")];
    await makeLog(data, 700);
    await exportOf(data, site);
    const url = await serveByNginx(folder, site);
    const headersOf = async (path: string) => {
      const { headers } = await fetch(`${url}/${path}`);
      return [headers.get("content-type"), headers.get("cache-control")];
    };
    expect(await headersOf("checkpoint")).toEqual(["text/plain; charset=utf-8", "no-cache"]);
    const immutable = ["application/octet-stream", "public, max-age=31536000, immutable"];
    expect(await headersOf("tile/0/001")).toEqual(immutable);
    expect(await headersOf("tile/entries/002.p/188")).toEqual(immutable);
    const vkey = formatVerifierKey((await testSigner()).verifierKey);
    const log = openLogClient({ url, vkey });
    const texts: string[] = [];
    for await (const { entry } of log.entries()) texts.push(new TextDecoder().decode(entry));
    expect(texts.length).toBe(700);
    expect(texts[699]).toBe(entryText(699));
    expect(await log.inclusion({ leafIndex: 300 })).toBeDefined();
    // More is appended and exported while the same client reads on.
    await makeLog(data, 900);
    await exportOf(data, site);
    expect(await log.checkpoint()).toMatchObject({ treeSize: 900, progress: "grew" });
    expect(new TextDecoder().decode((await log.entry(899)).entry)).toBe(entryText(899));
  });
});
