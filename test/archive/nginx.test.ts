import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openLogClient } from "../../client/index.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { testSigner } from "../log/harness.ts";
import { NGINX, startNginx } from "../nginx.ts";
import { entryText, exportOf, makeLog, newFolder } from "./logs.ts";

let running: ChildProcess | undefined;

afterAll(() => {
  running?.kill("SIGQUIT");
});

describe.skipIf(NGINX === undefined)("an export behind nginx", () => {
  it("is a whole log to the client, with the types and caching of tlog-tiles", async () => {
    const folder = newFolder();
    const [data, site] = [join(folder, "data"), join(folder, "site")];
    await makeLog(data, 700);
    await exportOf(data, site);
    const { port, child } = await startNginx({
      folder,
      config: "nginx-static.conf",
      replace: [
        ["listen 80;", "listen 127.0.0.1:PORT;"],
        ["root /srv/www/log;", `root ${site};`],
      ],
    });
    running = child;
    const url = `http://127.0.0.1:${port}`;
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
