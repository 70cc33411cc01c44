import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Log, openLog, openMemoryStore, type RunningServer, serveLog } from "../../src/server.ts";
import { CHROMIUM, launchChromium } from "../explorer/chromium.ts";
import { entry, ORIGIN, testSigner } from "../log/harness.ts";
import { installPacked, type PackedInstall, run } from "./packed.ts";

const COUNT = 300;

/** The file that Node, every other runtime, a page and the Go program verify. */
const FORK: {
  readonly name: string;
  readonly evidence: string;
  readonly logKeys: readonly string[];
  readonly id: string;
} = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../spec/vectors/fork-evidence.json"), "utf8"),
).cases.find(({ name }: { readonly name: string }) => name === "a proof from another smaller root");

let log: Log;
let server: RunningServer;
let installed: PackedInstall;

beforeAll(async () => {
  log = await openLog({ store: openMemoryStore({ origin: ORIGIN }), signer: await testSigner() });
  server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
  await log.addBatch(Array.from({ length: COUNT }, (_, index) => entry(index)));
  await log.untilPublished(COUNT - 1, { signal: AbortSignal.timeout(5000) });
  installed = await installPacked(["deno@2.9.6", "bun@1.4.5"]);
});

afterAll(async () => {
  await server.close();
  await log.close();
  await installed.remove();
});

/** What each runtime runs: reads and verifies every entry, proves, verifies a receipt offline, rejects a forged one; the same for evidence. */
function program(door: string, evidenceDoor: string): string {
  return `
    const { openLogClient, verifyReceipt } = await import("${door}");
    const { parseVerifierKey, verifyForkEvidence } = await import("${evidenceDoor}");
    const vkey = ${JSON.stringify(log.vkeys[0])};
    const log = openLogClient({ url: "${server.url}", vkey });
    const head = await log.checkpoint();
    let read = 0;
    for await (const { entry } of log.entries({ start: 0, end: ${COUNT} })) {
      if (new TextDecoder().decode(entry) !== "entry " + read) throw new Error("entry " + read);
      read += 1;
    }
    const { text } = await log.receipt(123);
    const entry = new TextEncoder().encode("entry 123");
    const verified = await verifyReceipt({ receipt: text, entry, vkey });
    const forged = text.replace("index 123", "index 122");
    const refusal = await verifyReceipt({ receipt: forged, entry, vkey }).catch((error) => error.code);
    const { evidence, logKeys } = ${JSON.stringify(FORK)};
    const keys = { logKeys: logKeys.map(parseVerifierKey) };
    const { id } = await verifyForkEvidence({ evidence, ...keys });
    const framed = evidence.replace("head 6 ", "head 7 ");
    const acquittal = await verifyForkEvidence({ evidence: framed, ...keys }).catch((error) => error.code);
    const result = [head.origin, read, verified.leafIndex, refusal, id, acquittal].join(" ");
  `;
}

const EXPECTED = `${ORIGIN} ${COUNT} 123 PROOF_INVALID ${FORK.id} EVIDENCE_MALFORMED`;

describe("the client runs unchanged", () => {
  it.each([
    ["Node", "node", []],
    ["Deno", "deno", ["run", "--quiet", "--allow-net=127.0.0.1"]],
    ["Bun", "bun", []],
  ])("in %s", async (_name, command, args) => {
    const script = join(installed.folder, `read-${command}.mjs`);
    await writeFile(script, `${program("bristlecone/client", "bristlecone/evidence")}\nconsole.log(result);`);
    const { stdout } = await run(commandPath(command), [...args, script], { cwd: installed.folder });
    expect(stdout.trim()).toBe(EXPECTED);
  });

  it.skipIf(CHROMIUM === undefined)("in a browser, as one file on a page", async () => {
    const page = await servePage(
      `${program("./client.js", "./evidence.js")}\ndocument.body.textContent = "RESULT " + result;`,
    );
    const browser = await launchChromium();
    try {
      const shown = await browser.page();
      await shown.goto(page.url);
      await shown.until("/^(RESULT|FAILED) /.test(document.body.textContent)", 30_000);
      expect(await shown.evaluate("document.body.textContent")).toBe(`RESULT ${EXPECTED}`);
    } finally {
      await browser.close();
      page.server.close();
    }
  });
});

function commandPath(command: string): string {
  if (command === "node") return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const names: Record<string, string> = {
    deno: `@deno/${platform}-glibc/deno`,
    bun: `@oven/bun-${platform}/bin/bun`,
  };
  return join(installed.folder, "node_modules", names[command] ?? "");
}

/** A page of another origin than the log, as an explorer or an application would be. */
async function servePage(script: string): Promise<{ readonly url: string; readonly server: Server }> {
  const browserFolder = join(installed.folder, "node_modules/bristlecone/dist/browser");
  const shown = `try {${script}} catch (error) { document.body.textContent = "FAILED " + error.stack; }`;
  const html = `<!doctype html><body><script type="module">${shown}</script></body>`;
  const page = createServer((request, response) => {
    if (request.url === "/") {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
      return;
    }
    readFile(join(browserFolder, request.url ?? "")).then(
      (bytes) => response.writeHead(200, { "content-type": "text/javascript" }).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
  const address = page.address();
  if (address === null || typeof address === "string") throw new Error("the page has no port");
  return { url: `http://127.0.0.1:${address.port}/`, server: page };
}
