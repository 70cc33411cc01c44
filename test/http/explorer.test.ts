import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createApp } from "../../src/http/create-app.ts";
import { explorerRoutes, standaloneExplorer } from "../../src/http/explorer.ts";
import { pastHeads } from "../../src/http/past-heads.ts";
import { openLog, openMemoryStore } from "../../src/server.ts";
import { entry, ORIGIN, testSigner } from "../log/harness.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const PAGE =
  '<html data-log="./" data-heads="explorer/heads.json"><head><meta charset="utf-8" /></head></html>';
const FILES = new Map([
  ["index.html", bytes(PAGE)],
  ["main-1A2B.js", bytes("explore();".repeat(100))],
]);

function served() {
  const app = createApp(undefined);
  app.hot(explorerRoutes(FILES, () => "[]"));
  return app;
}

describe("the explorer's routes", () => {
  it("serve the page with a strict policy, to be asked for again each time", async () => {
    const response = await served().request("/");
    expect(await response.text()).toBe(PAGE);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const policy = response.headers.get("content-security-policy") ?? "";
    for (const rule of [
      "default-src 'none'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "trusted-types 'none'",
    ]) {
      expect(policy).toContain(rule);
    }
    expect(policy).not.toContain("unsafe");
  });

  it("serve files whose names hold their content for ever, compressed for who takes that", async () => {
    const response = await served().request("/explorer/main-1A2B.js", {
      headers: { "accept-encoding": "gzip" },
    });
    expect(response.headers.get("cache-control")).toContain("immutable");
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(gunzipSync(await response.arrayBuffer())).toEqual(Buffer.from(FILES.get("main-1A2B.js") ?? ""));
    const plain = await served().request("/explorer/main-1A2B.js");
    expect(plain.headers.get("content-encoding")).toBeNull();
    expect(plain.headers.get("vary")).toBe("Accept-Encoding");
    expect(plain.headers.get("etag")).not.toBe(response.headers.get("etag"));
  });

  it("answer 304 to who has the file", async () => {
    const etag = (await served().request("/")).headers.get("etag") ?? "";
    expect((await served().request("/", { headers: { "if-none-match": etag } })).status).toBe(304);
  });

  it.each([
    "/explorer/other.js",
    "/explorer/index.html",
    "/explorer/",
    "/explorer/../index.html",
    "/index.html",
  ])("have no %s", async (path) => {
    expect((await served().request(path)).status).toBe(404);
  });
});

describe("past heads", () => {
  it("are kept as they are published, few of the old ones, each size once", () => {
    let treeSize = 0;
    const checkpoint = new TextEncoder().encode("note");
    const heads = pastHeads(
      { origin: ORIGIN, published: () => ({ treeSize, checkpoint, rootHash: checkpoint }) },
      { now: () => treeSize * 1000 },
    );
    for (; treeSize < 1000; treeSize++) heads();
    const kept: { treeSize: number; seconds: number }[] = JSON.parse(heads());
    expect(kept.length).toBeLessThanOrEqual(96);
    expect(kept[0]).toEqual({ treeSize: 0, seconds: 0, checkpoint: "note" });
    expect(kept.at(-1)?.treeSize).toBe(1000);
    expect(JSON.parse(heads())).toHaveLength(kept.length);
  });

  it("outlive the process, but for those that the tree does not reach and a file that is something else", async () => {
    const log = await openLog({ store: openMemoryStore({ origin: ORIGIN }), signer: await testSigner() });
    const written: string[] = [];
    const save = async (text: string) => void written.push(text);
    const first = pastHeads(log, { now: () => 1_000_000, kept: { text: undefined, save } });
    await log.add(entry(0));
    await log.untilPublished(0, { signal: AbortSignal.timeout(10_000) });
    first();
    const [text = ""] = written;
    const sizesFrom = (kept: string, of = log) =>
      JSON.parse(pastHeads(of, { kept: { text: kept, save } })()).map(
        (head: { treeSize: number }) => head.treeSize,
      );
    expect(sizesFrom(text)).toEqual([0, 1]);
    expect(sizesFrom("[{}")).toEqual([1]);
    expect(sizesFrom(text.replaceAll(ORIGIN, "other.example"))).toEqual([1]);
    const restored = await openLog({
      store: openMemoryStore({ origin: ORIGIN }),
      signer: await testSigner(),
    });
    expect(sizesFrom(text, restored)).toEqual([0]);
    await restored.close();
    await log.close();
  });
});

describe("the explorer for another web server", () => {
  it("knows its log and its policy, and may talk to that log only", () => {
    const files = standaloneExplorer(FILES, {
      logUrl: "https://log.example/2026/",
      policyName: "policy.txt",
      origin: "example.com/a&b",
    });
    const page = new TextDecoder().decode(files.get("index.html"));
    expect(page).toContain(
      'data-log="https://log.example/2026/" data-policy="explorer/policy.txt" data-origin="example.com/a&#38;b"',
    );
    expect(page).toContain("connect-src 'self' https://log.example;");
    expect(page).not.toContain("data-heads");
    expect([...files.keys()]).toEqual(["index.html", "explorer/main-1A2B.js"]);
  });

  it("takes no markup from the URL of the log", () => {
    const files = standaloneExplorer(FILES, {
      logUrl: 'https://log.example/"><script>',
      policyName: "policy.txt",
      origin: '"><script>',
    });
    expect(new TextDecoder().decode(files.get("index.html"))).not.toContain("<script>");
  });
});
