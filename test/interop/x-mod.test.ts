import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Log, openLog, openMemoryStore, type RunningServer, serveLog } from "../../src/server.ts";
import { entry, ORIGIN, testSigner } from "../log/harness.ts";

const run = promisify(execFile);
const SOURCES = join(import.meta.dirname, "go");
const COUNT = 70_000;

let folder: string;
let program: string;
let log: Log;
let server: RunningServer;

function hasGo(): boolean {
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const skipped = !hasGo();
if (skipped) process.stdout.write("golang.org/x/mod: skipped, there is no go command here\n");

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-go-"));
  program = join(folder, "verify");
  await run("go", ["build", "-o", program, "."], { cwd: SOURCES });
  log = await openLog({ store: openMemoryStore({ origin: ORIGIN }), signer: await testSigner() });
  server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
  for (let start = 0; start < COUNT; start += 10_000) {
    await log.addBatch(Array.from({ length: 10_000 }, (_, index) => entry(start + index)));
  }
  await log.untilPublished(COUNT - 1, { signal: AbortSignal.timeout(60_000) });
  await writeFile(join(folder, "entry"), entry(65_537));
  await writeFile(join(folder, "receipt"), await log.receipt(65_537));
});

afterAll(async () => {
  if (skipped) return;
  await server.close();
  await log.close();
  await rm(folder, { recursive: true });
});

async function verify(url: string, receipt = "receipt"): Promise<string> {
  const vkey = log.vkeys[0] ?? "";
  const files = ["-receipt", join(folder, receipt), "-entry", join(folder, "entry")];
  const { stdout } = await run(program, ["-url", url, "-vkey", vkey, ...files]);
  return stdout;
}

/** The log behind something that turns the last bit of one answer. */
async function bent(path: RegExp): Promise<{ readonly url: string; readonly proxy: Server }> {
  const proxy = createServer((request, response) => {
    void (async () => {
      const answer = await fetch(`${server.url}${request.url}`);
      const body = new Uint8Array(await answer.arrayBuffer());
      if (path.test(request.url ?? "")) body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
      response.writeHead(answer.status).end(body);
    })();
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${address.port}`, proxy };
}

describe.skipIf(skipped)("golang.org/x/mod/sumdb", () => {
  it("verifies the checkpoint, every tile and entry, and the receipts", async () => {
    const printed = await verify(server.url);
    expect(printed).toContain(`checkpoint: ${ORIGIN}, size ${COUNT}`);
    expect(printed).toContain(`entries: all ${COUNT} are in the tree`);
    expect(printed).toMatch(/proofs: 100 served receipts/);
    expect(printed).toContain(`receipt: the entry is leaf 65537 of size ${COUNT}`);
  });

  it.each([
    ["a full tile", /^\/tile\/0\/x?\d/],
    ["a partial tile", /^\/tile\/1\/001\.p/],
    ["an entry", /^\/tile\/entries\/100/],
    ["a checkpoint's signature", /^\/checkpoint/],
  ])("notices one bit turned in %s", async (_name, path) => {
    const { url, proxy } = await bent(path);
    await expect(verify(url)).rejects.toThrow(/exit status 1|Command failed/);
    proxy.close();
  });

  it("notices a receipt for another index", async () => {
    const text = await log.receipt(65_537);
    await writeFile(join(folder, "forged"), text.replace("index 65537", "index 65536"));
    await expect(verify(server.url, "forged")).rejects.toThrow(/Command failed/);
  });
});
