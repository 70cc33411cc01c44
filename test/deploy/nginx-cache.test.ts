/** A log behind nginx with `deploy/nginx-cache.conf`, as its readers and writers meet it. */
import type { ChildProcess } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificate } from "../certificate.ts";
import {
  type Result,
  type RunningServe,
  resultOf,
  spawnCli,
  startCli,
  startServe,
  stopServe,
  temporaryDirectory,
} from "../cli/harness.ts";
import { NGINX, startNginx } from "../nginx.ts";

describe.skipIf(NGINX === undefined)("a log behind nginx with a cache", () => {
  let folder = "";
  let serve: RunningServe;
  let nginx: ChildProcess;
  let url = "";
  let trusted: Readonly<Record<string, string>>;

  beforeAll(async () => {
    folder = temporaryDirectory();
    const made = await spawnCli(["token", "new", "--name", "test", "--tokens", "tokens.txt", "--json"], {
      cwd: folder,
    });
    serve = await startServe(folder, ["--origin", "log.example.com/2026", "--tokens", "tokens.txt"]);
    const { certFile, keyFile } = makeCertificate(folder, "localhost");
    const site = join(folder, "nginx");
    mkdirSync(site);
    const started = await startNginx({
      folder: site,
      config: "nginx-cache.conf",
      replace: [
        ["listen 443 ssl", "listen 127.0.0.1:PORT ssl"],
        ["server 127.0.0.1:6962;", `server ${new URL(serve.url).host};`],
        ["/etc/ssl/log.example.com.pem", certFile],
        ["/etc/ssl/private/log.example.com.key", keyFile],
        ["/var/cache/nginx/bristlecone", join(site, "cache")],
      ],
    });
    nginx = started.child;
    url = `https://localhost:${started.port}`;
    trusted = { NODE_EXTRA_CA_CERTS: certFile, BRISTLECONE_TOKEN: JSON.parse(made.stdout).token };
  });

  afterAll(async () => {
    nginx.kill("SIGQUIT");
    await stopServe(serve);
  });

  /** Runs a command that believes this nginx's certificate. */
  async function command(args: readonly string[], stdin = ""): Promise<Result> {
    const child = startCli(args, folder, { environment: trusted });
    child.stdin?.end(stdin);
    return await resultOf(child);
  }

  function look(path: string, method: "GET" | "POST" = "GET"): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = { "Accept-Encoding": "gzip", "X-Request-Id": "somebody-elses" };
      const asked = request(url + path, { method, headers, rejectUnauthorized: false }, (answer) => {
        answer.resume().on("end", () => resolve(answer));
      });
      asked.on("error", reject).end();
    });
  }

  it("takes entries, gives receipts, and reads back, all verified", async () => {
    const lines = Array.from({ length: 700 }, (_, index) => `line ${index}\n`);
    const where = ["--log", url, "--vkey", serve.vkey];
    expect(await command(["add", "--lines", "-", ...where], lines.join(""))).toMatchObject({ code: 0 });
    expect(
      await command(["add", "--lines", "-", "--receipts", "receipts", ...where], "one\ntwo\n"),
    ).toMatchObject({
      code: 0,
    });
    expect(await command(["cat", ...where])).toMatchObject({
      code: 0,
      stdout: `${lines.join("")}one\ntwo\n`,
    });
    expect(await look("/add", "POST")).toMatchObject({ statusCode: 401 });
  });

  it("is a tlog-tiles log to the conformance tester", async () => {
    const { code, stdout } = await command(["conformance", "log", url, "--vkey", serve.vkey, "--rate", "50"]);
    expect(stdout).not.toMatch(/^fail +MUST/m);
    expect(code, stdout).toBe(0);
  });

  it("lets no client say how its request is called", async () => {
    const { headers } = await look("/add", "POST");
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f]{32}$/);
  });

  it("compresses entries, not hashes", async () => {
    const immutable = "public, max-age=31536000, immutable";
    const entries = await look("/tile/entries/000");
    expect(entries.headers).toMatchObject({ "cache-control": immutable, "content-encoding": "gzip" });
    const hashes = await look("/tile/0/000");
    expect(hashes.headers).toMatchObject({ "cache-control": immutable, "content-length": "8192" });
  });

  it("keeps one copy of each thing, whatever query strangers put behind it", async () => {
    for (const path of ["/checkpoint", "/tile/0/000", "/tile/entries/000", "/entry/0"])
      for (const query of ["", "?1", "?2"])
        expect(await look(path + query)).toMatchObject({ statusCode: 200 });
    const kept = readdirSync(join(folder, "nginx/cache"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
      .map((text) => /^KEY: (.*)$/m.exec(text)?.[1]);
    expect(kept).toContain("/tile/0/000");
    expect(kept.filter((key) => key?.includes("?"))).toEqual([]);
  });

  it("without the log it shows what never changes, and no checkpoint: that would be an old one", async () => {
    await stopServe(serve);
    while ((await look("/checkpoint")).statusCode !== 502);
    for (const path of ["/tile/entries/000", "/tile/0/000", "/tile/0/000?never-asked"])
      expect(await look(path)).toMatchObject({ statusCode: 200 });
  });
});
