import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLogClient } from "../../client/index.ts";
import { buildExplorer } from "../../explorer/build.ts";
import { standaloneExplorer } from "../../src/http/explorer.ts";
import { type Browser, CHROMIUM, launchChromium } from "../explorer/chromium.ts";
import { entry } from "../log/harness.ts";
import { startTesseraPosix, type TesseraPosix } from "./logs/tessera-posix.ts";
import { lacks } from "./programs.ts";

const COUNT = 300;
const skipped = lacks("tessera-posix") || CHROMIUM === undefined;

let browser: Browser;
let log: TesseraPosix;
let site: { readonly url: string; readonly server: Server };

beforeAll(async () => {
  if (skipped) return;
  [browser, log] = await Promise.all([launchChromium(), startTesseraPosix()]);
  const client = openLogClient({ url: log.url, vkey: log.vkey });
  await Promise.all(Array.from({ length: COUNT }, (_, index) => client.append(entry(index))));
  await client.waitForReceipt(COUNT - 1);
  site = await serveBeside(log);
});

afterAll(async () => {
  if (skipped) return;
  await browser.close();
  site.server.closeAllConnections();
  site.server.close();
  await log.stop();
});

/** The explorer on the log's own site, as a proxy in front of Tessera would serve it. */
async function serveBeside({ url, vkey }: TesseraPosix): Promise<typeof site> {
  const origin = vkey.split("+", 1)[0] ?? "";
  const built = new Map((await buildExplorer()).map(({ name, bytes }) => [name, bytes]));
  const files = new Map(standaloneExplorer(built, { logUrl: undefined, policyName: "policy.txt", origin }));
  files.set("explorer/policy.txt", new TextEncoder().encode(`log ${vkey}\nquorum none\n`));
  const types: Record<string, string> = { html: "text/html", js: "text/javascript", css: "text/css" };
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const name = path === "/" ? "index.html" : path.slice(1);
    const file = files.get(name);
    if (file !== undefined) {
      response
        .writeHead(200, { "content-type": types[name.split(".").at(-1) ?? ""] ?? "text/plain" })
        .end(file);
      return;
    }
    fetch(url + path).then(
      async (answer) => response.writeHead(answer.status).end(new Uint8Array(await answer.arrayBuffer())),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${address.port}/`, server };
}

describe.skipIf(skipped)("the explorer and a log that Tessera serves", () => {
  it("verifies head, tree, entries and one entry step by step", async () => {
    const page = await browser.page();
    await page.goto(site.url);
    await page.until("document.querySelector('.rows')");
    expect(await page.evaluate("document.querySelector('.count').innerText")).toContain(`${COUNT}`);
    expect(await page.evaluate("document.querySelector('#status').innerText")).toBe("head verified");
    await page.evaluate("location.hash = '#/tree'");
    await page.until("document.querySelector('svg.tree')");
    await page.evaluate("location.hash = '#/entry/123'");
    await page.until("document.querySelectorAll('.steps > li.passed').length === 4");
    await page.close();
  });

  it("finds an entry by its text, in a log without a look-up, by reading", async () => {
    const page = await browser.page();
    await page.goto(site.url);
    await page.until("document.querySelector('.rows')");
    await page.evaluate(
      "document.querySelector('#search').value = 'entry 77', document.querySelector('#search-form').requestSubmit()",
    );
    await page.until("document.querySelector('main button.primary')");
    await page.evaluate("document.querySelector('main button.primary').click()");
    await page.until("document.querySelector('.verdict') && document.body.innerText.includes('entry 77')");
    await page.close();
  });
});
