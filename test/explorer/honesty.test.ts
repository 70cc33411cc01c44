/** What the page says where a log, a file or a network is not as it should be; and of logs that changed, ended, or are very large. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLogClient } from "../../client/index.ts";
import { standaloneExplorer } from "../../src/http/explorer.ts";
import { openLog } from "../../src/server.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { entry, ORIGIN, testSigner } from "../log/harness.ts";
import { type Browser, type BrowserPage, CHROMIUM, launchChromium } from "./chromium.ts";
import { serveIdenticalLog } from "./identical-log.ts";
import { explorerFiles, type ServedExplorer, serveExplorer, serveFiles } from "./served-explorer.ts";

let folder: string;
let browser: Browser;
let served: ServedExplorer;

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  folder = mkdtempSync(join(tmpdir(), "bristlecone-explorer-"));
  [browser, served] = await Promise.all([launchChromium(), serveExplorer({ count: 300 })]);
});

afterAll(async () => {
  if (CHROMIUM === undefined) return;
  await browser.close();
  await served.close();
  rmSync(folder, { recursive: true });
});

const isSettled = "document.querySelector('main h1, main .alarm') && !document.querySelector('.waiting')";
const text = (page: BrowserPage) => page.evaluate<string>("document.querySelector('main').innerText");
const status = (page: BrowserPage) => page.evaluate<string>("document.querySelector('#status').innerText");

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

async function otherLog(count: number, of = "other"): Promise<ServedExplorer> {
  return serveExplorer({ entries: Array.from({ length: count }, (_, index) => entry(`${of} ${index}`)) });
}

const noteOf = async ({ url, vkey }: ServedExplorer) =>
  (await openLogClient({ url, vkey }).checkpoint()).signedNote;

describe.skipIf(CHROMIUM === undefined)("the explorer", () => {
  it("made with a policy never goes by the log's own word, and asks for the policy again", async () => {
    const options = { logUrl: served.url, policyName: "policy.txt", origin: ORIGIN };
    const files = new Map(standaloneExplorer(await explorerFiles(), options));
    const site = await serveFiles(files);
    const page = await opened("#/entry/3", site.url);
    expect(await text(page)).toContain("Whom to believe could not be learnt");
    expect(await status(page)).toBe("no key to verify with");
    const other = formatVerifierKey((await testSigner(9, "other.example")).verifierKey);
    files.set(
      "explorer/policy.txt",
      new TextEncoder().encode(`log ${other}\nlog ${served.vkey}\nquorum none\n`),
    );
    await page.until("document.querySelector('.verdict')");
    expect(await status(page)).toBe("head verified");
    site.close();
    await page.close();
  });

  it("says nothing of a tree whose head does not verify, and shows it once one does", async () => {
    const flip = (body: Uint8Array) =>
      new TextEncoder().encode(new TextDecoder().decode(body).replace(/^300$/m, "301"));
    served.show({ path: /^\/checkpoint$/, change: flip });
    const page = await opened("#/tree");
    await page.until("document.querySelector('main .alarm')");
    expect(await text(page)).not.toContain("no leaf");
    served.show();
    await page.until("document.querySelector('svg.tree')");
    await page.close();
  });

  it("keeps the page under the skip link", async () => {
    const page = await opened("#/entry/7");
    await page.press("Tab");
    await page.press("Enter");
    expect(await page.evaluate("[location.hash, document.activeElement.tagName]")).toEqual([
      "#/entry/7",
      "H1",
    ]);
    await page.close();
  });

  it("verifies an entry that no viewer could take", async () => {
    const deep = await serveExplorer({
      entries: [new TextEncoder().encode("[".repeat(20_000) + "]".repeat(20_000))],
    });
    const page = await opened("#/entry/0", deep.url);
    await page.until("document.querySelector('.verdict')");
    await page.close();
    await deep.close();
  });

  it("accuses nobody because of two checkpoints that its log's tree only misses", async () => {
    const [branch, longer] = await Promise.all([otherLog(100), otherLog(150)]);
    const two = [fileOf("100", await noteOf(branch)), fileOf("150", await noteOf(longer))];
    const page = await opened("#/verify");
    await page.choose("#files", two);
    // Both contradict the head of this page, and continue each other: the newer one is held against the head.
    await page.until("document.querySelector('.results .alarm')");
    expect(await text(page)).toContain("size 150 and size 300");
    expect(await text(page)).not.toContain("size 100 and size 150");
    await page.close();
    const reader = await opened("#/verify", longer.url);
    await reader.choose("#files", two);
    await reader.until("document.querySelector('.results').innerText.includes('continues the smaller')");
    await reader.close();
    await Promise.all([branch.close(), longer.close()]);
  });

  it("judges the file that was given, though it looks like a checkpoint", async () => {
    const note = new TextDecoder().decode(await noteOf(served));
    const logOfLogs = await serveExplorer({ entries: [new TextEncoder().encode(note)] });
    const { text: receipt } = await openLogClient({ url: logOfLogs.url, vkey: logOfLogs.vkey }).receipt(0);
    const page = await opened("#/verify", logOfLogs.url);
    const given = (name: string, content: string) => [fileOf("0.tlog-proof", receipt), fileOf(name, content)];
    await page.choose("#files", given("tampered", note.replace(/^300$/m, "301")));
    await page.until("document.querySelector('.results .alarm')");
    expect(await text(page)).toContain("does not verify for tampered");
    expect(await page.evaluate("document.querySelector('.results .verdict')")).toBeNull();
    await page.choose("#files", given("whole", note));
    await page.until("document.querySelector('.results .verdict')");
    await page.close();
    await logOfLogs.close();
  });

  it("convicts a log by a head that its own server kept", async () => {
    const other = await otherLog(200);
    const heads = [{ seconds: 1_700_000_000, checkpoint: new TextDecoder().decode(await noteOf(other)) }];
    const change = () => new TextEncoder().encode(JSON.stringify(heads));
    served.show({ path: /heads\.json$/, change });
    const page = await opened("#/");
    await page.until("document.querySelector('.alarm button.primary')");
    expect(await text(page)).toContain("no part of this tree");
    served.show();
    await page.close();
    await other.close();
  });

  it("is told of a new head, follows it under the reader's focus, and asks nothing while hidden", async () => {
    const live = await serveExplorer({ count: 3 });
    const page = await opened("#/", live.direct);
    await page.until("document.querySelector('#age').innerText.includes('live')");
    await page.evaluate("document.querySelector('.rows a').focus()");
    await live.log.add(entry("fourth"));
    await page.until("document.querySelector('.count').innerText.startsWith('4')");
    expect(await page.evaluate("document.activeElement.closest('.rows') !== null")).toBe(true);
    expect(page.requests.some((url) => url.includes("/events"))).toBe(true);
    const see = (state: string) =>
      page.evaluate(
        `Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true }), document.dispatchEvent(new Event("visibilitychange"))`,
      );
    await see("hidden");
    const asked = page.requests.length;
    await live.log.add(entry("fifth"));
    await live.log.untilPublished(4, { signal: AbortSignal.timeout(10_000) });
    expect(page.requests.length).toBe(asked);
    await see("visible");
    await page.until("document.querySelector('.count').innerText.startsWith('5')");
    await page.close();
    await live.close();
  });

  it("shows how a log changed its keys, verifies heads from before, and says that it ended", async () => {
    const directory = join(folder, "rotated");
    const first = await openLog({ directory, signer: await testSigner() });
    await first.addBatch([entry(0), entry(1)]);
    await first.untilPublished(1, { signal: AbortSignal.timeout(10_000) });
    await first.close();
    const [older, newer] = [await testSigner(), await testSigner(8)];
    const keyChange = { atSeconds: 1_700_000_000, signers: [newer] };
    await (await openLog({ directory, signers: [older], keyChange })).close();
    const freeze = { atSeconds: 1_800_000_000, successor: undefined };
    const log = await openLog({ directory, signers: [newer, older], freeze });
    const rotated = await serveExplorer({ log, prefix: "/logs/one/" });
    const page = await opened("#/trust", rotated.url);
    await page.until("document.querySelector('.steps .passed')");
    expect(await text(page)).toContain("At size 2");
    await page.goto(`${rotated.url}#/`);
    await page.until("document.querySelector('.notice')");
    expect(await text(page)).toContain("This log ended on 2027-01-15");
    expect(await text(page)).toContain("its keys over time");
    await page.goto(`${rotated.url}#/entry/1`);
    await page.until("document.querySelector('.verdict')");
    expect(page.requests.every((url) => url.startsWith(rotated.url))).toBe(true);
    await page.close();
    await rotated.close();
  });

  it("shows and verifies a tree of more than 2^40 leaves, on a phone too", async () => {
    const options = { logUrl: undefined, policyName: "policy.txt", origin: ORIGIN };
    const files = new Map(standaloneExplorer(await explorerFiles(), options));
    files.set("explorer/policy.txt", new TextEncoder().encode(`log ${served.vkey}\nquorum none\n`));
    const treeSize = 2 ** 40 + 2 ** 33 + 54_321;
    const large = await serveIdenticalLog(treeSize, files);
    for (const width of [1180, 390, 320]) {
      const page = await browser.page({ width, height: 800, isPhone: width < 500 });
      for (const hash of ["#/", `#/entry/${2 ** 39 + 12_345}`, "#/tree", `#/tree/0-${2 ** 40}`]) {
        await page.goto(`${large.url}?${width}${hash}`);
        await page.until(`${isSettled} && document.querySelector('svg.picture')`);
        expect(await page.evaluate("document.querySelector('.alarm')"), hash).toBeNull();
        expect(await page.evaluate("document.documentElement.scrollWidth"), hash).toBe(width);
        // What is written in the picture lies in it.
        const isInside = `[...document.querySelectorAll('svg.picture text')].every((text) => {
          const [box, frame] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
          return box.left >= frame.left - 1 && box.right <= frame.right + 1; })`;
        expect(await page.evaluate(isInside), `${width} ${hash}`).toBe(true);
      }
      await page.close();
    }
    large.close();
  });
});
