import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLogClient } from "../../client/index.ts";
import { standaloneExplorer } from "../../src/http/explorer.ts";
import { entry } from "../log/harness.ts";
import { type Browser, type BrowserPage, CHROMIUM, launchChromium } from "./chromium.ts";
import { explorerFiles, type ServedExplorer, serveExplorer, serveFiles } from "./served-explorer.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const COUNT = 300;

let folder: string;
let browser: Browser;
let served: ServedExplorer;

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  folder = mkdtempSync(join(tmpdir(), "bristlecone-explorer-"));
  [browser, served] = await Promise.all([launchChromium(), serveExplorer({ count: COUNT })]);
});

afterAll(async () => {
  if (CHROMIUM === undefined) return;
  await browser.close();
  await served.close();
  rmSync(folder, { recursive: true });
});

const text = (page: BrowserPage) => page.evaluate<string>("document.querySelector('main').innerText");
const isSettled = "document.querySelector('main h1, main .alarm') && !document.querySelector('.waiting')";

async function opened(hash: string, url = served.url): Promise<BrowserPage> {
  const page = await browser.page();
  await page.goto(url + hash);
  await page.until(isSettled);
  return page;
}

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const client = () => openLogClient({ url: served.url, vkey: served.vkey });

describe.skipIf(CHROMIUM === undefined)("the explorer", () => {
  it("is less than 100 KiB gzipped, all of it", async () => {
    const sizes = [...(await explorerFiles()).values()].map((bytes) => gzipSync(bytes, { level: 9 }).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100 * 1024);
  });

  it("shows the verified head, and asks nobody but the log", async () => {
    const page = await opened("#/");
    await page.until("document.querySelector('.rows')");
    expect(await text(page)).toContain("300 entries");
    expect(await page.evaluate("document.querySelector('#status').innerText")).toContain(
      "verified, key not confirmed",
    );
    expect(page.requests.filter((url) => !url.startsWith(served.url))).toEqual([]);
    expect(page.console).toEqual([]);
    await page.close();
  });

  it("verifies an entry step by step, and draws the way to the root", async () => {
    const page = await opened("#/entry/123");
    expect(
      await page.evaluate("[...document.querySelectorAll('.steps > li')].map((step) => step.className)"),
    ).toEqual(["passed", "passed", "passed", "passed", "noted"]);
    expect(await text(page)).toContain("entry 123");
    // One sibling a level: 9 in a tree of 300.
    expect(await page.evaluate("document.querySelectorAll('svg.path .sibling').length")).toBe(9);
    expect(page.console).toEqual([]);
    await page.close();
  });

  it("finds an entry by its text, with the keyboard alone", async () => {
    const page = await opened("#/");
    await page.press("/");
    for (const key of "entry 217") await page.press(key);
    await page.press("Enter");
    await page.until("location.hash === '#/entry/217' && document.querySelector('.verdict')");
    expect(await page.evaluate("document.activeElement.tagName")).toBe("H1");
    await page.close();
  });

  it("walks through the tree", async () => {
    const page = await opened("#/tree");
    await page.until("document.querySelector('svg.tree a[href=\"#/tree/256-300\"]')");
    await page.evaluate(
      "document.querySelector('svg.tree a[href=\"#/tree/256-300\"]').dispatchEvent(new MouseEvent('click', { bubbles: true }))",
    );
    await page.until("location.hash === '#/tree/256-300' && document.querySelector('svg.tree')");
    expect(await text(page)).toContain("Leaves 256–299");
    await page.close();
  });

  it.each([
    ["an entry's bytes", /^\/entry\/7$/, "ENTRY_MISMATCH"],
    ["a tile", /^\/tile\/0\/000$/, "ROOT_MISMATCH"],
  ])("says that %s were changed, and where it breaks", async (_what, path, code) => {
    served.show({ path, change: (body) => body.map((byte, at) => (at === 2 ? byte ^ 1 : byte)) });
    const page = await opened("#/entry/7");
    served.show();
    await page.until("document.querySelector('.alarm')");
    expect(await text(page)).toContain(code);
    expect(await page.evaluate("document.querySelector('.verdict')")).toBeNull();
    await page.close();
  });

  it("shows a head whose signature is wrong as failed, and nothing of it as verified", async () => {
    const flip = (body: Uint8Array) =>
      new TextEncoder().encode(new TextDecoder().decode(body).replace(/^300$/m, "301"));
    served.show({ path: /^\/checkpoint$/, change: flip });
    const page = await opened("#/");
    await page.until("document.querySelector('.alarm .steps')");
    served.show();
    expect(await text(page)).toContain("SIGNATURE_INVALID");
    expect(await page.evaluate("document.querySelector('#status').innerText")).toContain(
      "verification failed",
    );
    expect(await page.evaluate("document.querySelector('.count')")).toBeNull();
    await page.close();
  });

  it("convicts a log that shows another history on a later visit", async () => {
    const other = await serveExplorer({
      entries: Array.from({ length: 310 }, (_, index) => entry(`other ${index}`)),
    });
    const page = await opened("#/");
    served.showOther(other.url);
    await page.evaluate("location.reload()");
    await page.until("document.querySelector('.alarm')");
    expect(await text(page)).toContain("LOG_FORKED");
    await page.evaluate("document.querySelector('.alarm button.primary').click()");
    const saved = await downloaded(page, "fork.tlog-evidence");
    served.showOther(undefined);
    await page.close();
    await other.close();
    const reader = await opened("#/verify");
    await reader.choose("#files", [fileOf("fork.tlog-evidence", saved)]);
    await reader.until("document.querySelector('.results .alarm')");
    expect(await text(reader)).toContain("broke its word");
    await reader.close();
  });

  it("verifies a receipt with its entry, and two checkpoints, from files", async () => {
    const { text: receipt } = await client().receipt(5);
    const { signedNote } = await client().checkpoint();
    const page = await opened("#/verify");
    await page.choose("#files", [fileOf("5.tlog-proof", receipt), fileOf("five", entry(5))]);
    await page.until("document.querySelector('.results .verdict')");
    await page.choose("#files", [fileOf("5.tlog-proof", receipt), fileOf("six", entry(6))]);
    await page.until("document.querySelector('.results .alarm')");
    expect(await text(page)).toContain("PROOF_INVALID");
    await page.choose("#files", [fileOf("a", signedNote), fileOf("b", signedNote)]);
    await page.until("document.querySelector('.results').innerText.includes('Both state the same tree')");
    await page.close();
  });

  it("verifies what is dropped anywhere, and looks a file up by its hash alone", async () => {
    const page = await opened("#/entries");
    await page.evaluate(`(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["entry 99"], "some.txt"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    })()`);
    await page.until("location.hash === '#/verify' && document.querySelector('.results a.primary')");
    await page.evaluate("document.querySelector('.results a.primary').click()");
    await page.until("location.hash === '#/entry/99' && document.querySelector('.verdict')");
    expect(page.requests.filter((url) => url.includes("lookup"))).toHaveLength(1);
    await page.close();
  });

  it("saves an evidence pack whose page verifies itself from a file, and fails when it was changed", async () => {
    const page = await opened("#/entry/42");
    await page.evaluate("document.querySelector('.viewer + div button.primary').click()");
    const zip = fileOf("pack.zip", await downloaded(page, ".zip"));
    execFileSync("python3", [
      "-c",
      "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])",
      zip,
      folder,
    ]);
    await page.close();
    const pack = join(folder, readdirSync(folder).find((name) => name.startsWith("evidence-")) ?? "");
    expect(readdirSync(pack).sort()).toEqual([
      "README.txt",
      "entry",
      "policy.txt",
      "receipt.tlog-proof",
      "verify.html",
    ]);
    expect(readFileSync(join(pack, "entry"), "utf8")).toBe("entry 42");
    const html = readFileSync(join(pack, "verify.html"), "utf8");
    const whole = await browser.page();
    await whole.goto(`file://${join(pack, "verify.html")}`);
    await whole.until("document.querySelector('.verdict')");
    expect(whole.requests).toEqual([`file://${join(pack, "verify.html")}`]);
    expect(whole.console).toEqual([]);
    await whole.close();
    const broken = await browser.page();
    const other = Buffer.from("entry 43").toString("base64");
    await broken.goto(
      `file://${fileOf("broken.html", html.replace(Buffer.from("entry 42").toString("base64"), other))}`,
    );
    await broken.until("document.querySelector('.alarm')");
    await broken.close();
  });

  it("shows an entry that is HTML as the text it is, and runs nothing of it", async () => {
    const markup = "<img src=x onerror='document.title = 1'><script>document.title = 2</script>";
    const other = await serveExplorer({ entries: [new TextEncoder().encode(markup)] });
    const page = await opened("#/entry/0", other.url);
    expect(await page.evaluate("document.querySelector('pre.bytes').textContent")).toBe(markup);
    expect(await page.evaluate("document.querySelectorAll('main img, main script').length")).toBe(0);
    expect(await page.evaluate("document.title")).toContain("Entry 0");
    await page.close();
    await other.close();
  });

  it("verifies with the reader's own key, and refuses a log that has another", async () => {
    const page = await opened("#/trust");
    const give = (vkey: string) =>
      page.evaluate(
        `(() => { document.querySelector('#own-trust').value = ${JSON.stringify(vkey)}; document.querySelector('#own-trust + p button').click(); })()`,
      );
    await give(served.vkey);
    await page.until("document.querySelector('#status').innerText === 'head verified'");
    await give("other.example/log+45a3f61f+AYq6JVHjCDFv9Jfb4KtGTnQzZnYtyNDVQm+QjQGJVZQo");
    await page.until("document.querySelector('main .alarm, #status .bad')");
    await page.close();
  });

  it("served from elsewhere, verifies the log with the keys that came with it", async () => {
    const policy = new TextEncoder().encode(`log ${served.vkey}\nquorum none\n`);
    const files = standaloneExplorer(await explorerFiles(), {
      logUrl: served.url,
      policyName: "policy.txt",
      origin: served.log.origin,
    });
    const site = await serveFiles(new Map([...files, ["explorer/policy.txt", policy]]));
    const page = await opened("#/entry/3", site.url);
    expect(await text(page)).toContain("with the keys that came with this page");
    expect(page.console).toEqual([]);
    site.close();
    await page.close();
  });

  it.each([
    ["a page", 1180, "light", ["#/", "#/entries", "#/entry/123", "#/tree", "#/verify", "#/trust"]],
    ["a page, dark", 1180, "dark", ["#/", "#/entry/123"]],
    ["a phone", 390, "light", ["#/", "#/entry/123", "#/tree"]],
    ["a narrow phone", 320, "light", ["#/", "#/entries", "#/entry/123", "#/verify", "#/trust"]],
  ] as const)(
    "on %s, has no fault that axe finds, and does not scroll sideways",
    async (_what, width, scheme, hashes) => {
      const page = await browser.page({ width, height: 800, scheme, isPhone: width < 500 });
      for (const hash of hashes) {
        await page.goto(`${served.url}?${width}${scheme}${hash}`);
        await page.until(isSettled);
        await page.evaluate(`${AXE}; undefined`);
        const found = await page.evaluate<string[]>(
          "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ html }) => html).join('\\n')))",
        );
        expect(found, hash).toEqual([]);
        expect(await page.evaluate("document.documentElement.scrollWidth"), hash).toBe(width);
      }
      await page.close();
    },
  );

  it.each([0, 1, 2])("shows a log of %i entries", async (count) => {
    const small = await serveExplorer({ count });
    const page = await opened("#/", small.url);
    expect(await text(page)).toContain(`${count} ${count === 1 ? "entry" : "entries"}`);
    for (const hash of ["#/tree", "#/entries", ...(count > 0 ? ["#/entry/0"] : [])]) {
      await page.goto(small.url + hash);
      await page.until(isSettled);
    }
    expect(page.console).toEqual([]);
    await page.close();
    await small.close();
  });
});

async function downloaded(page: BrowserPage, ending: string): Promise<Uint8Array> {
  for (let tries = 0; tries < 200; tries++) {
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 50))");
    const name = listed(page.downloads).find((file) => file.endsWith(ending));
    if (name !== undefined) return readFileSync(join(page.downloads, name));
  }
  throw new Error(`nothing was downloaded that ends in ${ending}`);
}

function listed(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
