/** What the page makes of answers that never end, of a first visit gone wrong, and of files that were damaged, cut, or are another log's. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLogClient } from "../../client/index.ts";
import { openLog, openMemoryStore } from "../../src/server.ts";
import { ML_DSA_44 } from "../../src/tlog/cosignature.ts";
import { formatSigningKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { entry, testSigner } from "../log/harness.ts";
import { type Browser, type BrowserPage, CHROMIUM, launchChromium } from "./chromium.ts";
import { type ServedExplorer, serveExplorer } from "./served-explorer.ts";

let folder: string;
let browser: Browser;
let served: ServedExplorer;

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  folder = mkdtempSync(join(tmpdir(), "bristlecone-explorer-"));
  [browser, served] = await Promise.all([launchChromium(), serveExplorer({ count: 20 })]);
});

afterAll(async () => {
  if (CHROMIUM === undefined) return;
  await browser.close();
  await served.close();
  rmSync(folder, { recursive: true });
});

const text = (page: BrowserPage) => page.evaluate<string>("document.querySelector('main').innerText");
const status = (page: BrowserPage) => page.evaluate<string>("document.querySelector('#status').innerText");

async function opened(url: string, until: string): Promise<BrowserPage> {
  const page = await browser.page();
  await page.goto(url);
  await page.until(until);
  return page;
}

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A log of another name, with a second key. */
async function otherLog(): Promise<ServedExplorer> {
  const name = "other.example/log";
  const key = await generateSigningKey({ name, type: ML_DSA_44, seed: new Uint8Array(32).fill(9) });
  const signers = [await testSigner(9, name), await openSigner(formatSigningKey(key))];
  return serveExplorer({
    log: await openLog({ store: openMemoryStore({ origin: name }), signers }),
    count: 10,
  });
}

/** The page that is in the pack of an entry, as text. */
async function packedPage(url: string): Promise<string> {
  const page = await opened(url, "document.querySelector('.verdict')");
  await page.evaluate("document.querySelector('.viewer + div button.primary').click()");
  await page.until("document.querySelector('.viewer + div').innerText.includes('Saved')");
  let zip: string | undefined;
  for (let tries = 0; tries < 100 && zip === undefined; tries++) {
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 50))");
    zip = listed(page.downloads).find((name) => name.endsWith(".zip"));
  }
  const unpack = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
  execFileSync("python3", ["-c", unpack, join(page.downloads, zip ?? ""), folder]);
  await page.close();
  const pack = readdirSync(folder).find((name) => name.startsWith("evidence-")) ?? "";
  return readFileSync(join(folder, pack, "verify.html"), "utf8");
}

function listed(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Blanks, for as long as somebody reads. @returns when nobody does */
async function endless(response: ServerResponse): Promise<void> {
  const closed = once(response, "close");
  response.writeHead(200, { "content-type": "application/json" });
  const blanks = Buffer.alloc(65_536, " ");
  const more = () => {
    while (response.write(blanks));
  };
  response.on("drain", more);
  more();
  await closed;
}

describe.skipIf(CHROMIUM === undefined)("the explorer", () => {
  it("shows the head though the heads that the server kept never come", async () => {
    served.show({ path: /heads\.json$/, answer: () => {} });
    const page = await opened(`${served.url}#/`, "document.querySelector('.rows')");
    expect(await text(page)).toContain("20 entries");
    served.show();
    await page.close();
  });

  it("stops to read kept heads that never end", async () => {
    const stopped = new Promise((resolve) => {
      served.show({ path: /heads\.json$/, answer: (response) => void endless(response).then(resolve) });
    });
    const page = await opened(`${served.url}#/`, "document.querySelector('.rows')");
    await stopped;
    expect(await status(page)).toBe("head verified, key not confirmed");
    served.show();
    await page.close();
  });

  it.each([
    ["an unusable policy", { change: damagedPolicy }, "POLICY_MALFORMED"],
    [
      "no answer",
      { answer: (response: ServerResponse) => response.writeHead(503).end() },
      "no key to verify with",
    ],
  ])("keeps nothing of a first visit that met %s", async (_what, met, said) => {
    served.show({ path: /^\/(log\.json|checkpoint)$/, ...met });
    const page = await opened(`${served.url}#/`, "document.querySelector('main h1, main .alarm')");
    expect(await page.evaluate("document.body.innerText")).toContain(said);
    served.show();
    await page.evaluate("location.reload()");
    await page.until("document.querySelector('.rows')");
    expect(await status(page)).toBe("head verified, key not confirmed");
    await page.close();
  });

  it("makes packs of a log with an ML-DSA key, which verify from a file; a damaged one says that it is", async () => {
    const log = await otherLog();
    const html = await packedPage(`${log.url}#/entry/4`);
    const whole = await opened(`file://${fileOf("whole.html", html)}`, "document.querySelector('.verdict')");
    expect(await text(whole)).toContain("ML-DSA-44");
    expect(whole.console).toEqual([]);
    await whole.close();
    const base64 = Buffer.from(entry(4)).toString("base64");
    const damaged = {
      letter: html.replace(base64, base64.replace("e", "*").replace("Z", "*")),
      cut: html.replace(base64, base64.slice(0, -3)),
      comma: html.replace(`"entry":"${base64}",`, `"entry":"${base64}"`),
      member: html.replace('"receipt":"', '"receit":"'),
      policy: html.replace('"policy":"log ', '"policy":"lg '),
      receipt: html.replace("index 4\\n", "index 5\\n"),
    };
    for (const [name, content] of Object.entries(damaged)) {
      expect(content, name).not.toBe(html);
      const page = await opened(
        `file://${fileOf("damaged.html", content)}`,
        "document.querySelector('.alarm')",
      );
      expect(await page.evaluate("document.querySelector('.verdict')"), name).toBeNull();
      expect(page.console, name).toEqual([]);
      await page.close();
    }
    await log.close();
  });

  it("holds a receipt against no entry but its own log's, and hashes no part of a file as the file", async () => {
    const other = await otherLog();
    const { text: receipt } = await openLogClient({ url: other.url, vkey: other.vkey }).receipt(5);
    const page = await opened(`${served.url}#/verify`, "document.querySelector('#files')");
    await page.choose("#files", [fileOf("5.tlog-proof", receipt)]);
    await page.until("document.querySelector('.results .alarm')");
    expect(await text(page)).toContain(
      `it is of other.example/log, and this page reads ${served.log.origin}`,
    );
    expect(await text(page)).not.toContain("PROOF_INVALID");
    await page.choose("#files", [fileOf("large", new Uint8Array(3 * 1024 * 1024))]);
    await page.until("document.querySelector('.results .notice')");
    expect(await text(page)).toContain("3.0 MiB: larger than any entry");
    expect(await text(page)).not.toContain("leaf hash");
    await page.close();
    await other.close();
  });
});

function damagedPolicy(body: Uint8Array): Uint8Array {
  return new TextEncoder().encode(new TextDecoder().decode(body).replace("log ", "lg "));
}
