/** A real Chromium over the DevTools protocol, on the two pipes it offers: no port, no package. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

export const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);

export interface Look {
  readonly width: number;
  readonly height: number;
  readonly scheme?: "light" | "dark";
  readonly isPhone?: boolean;
}

export interface BrowserPage {
  goto(url: string): Promise<void>;
  look(look: Look): Promise<void>;
  /** The value of an expression, by JSON; a promise is awaited. */
  evaluate<T>(expression: string): Promise<T>;
  /** Until the expression is true. */
  until(expression: string, timeoutMs?: number): Promise<void>;
  /** Types keys as a person does: "Tab", "Enter", or a character. */
  press(key: string): Promise<void>;
  /** Of the whole page, however long. */
  screenshot(file: string): Promise<void>;
  /** Chooses files in an input. */
  choose(selector: string, files: readonly string[]): Promise<void>;
  /** What the page wrote to the console, and every error that nobody caught. */
  readonly console: readonly string[];
  /** Every URL the page asked for. */
  readonly requests: readonly string[];
  /** Where downloads of this page go. */
  readonly downloads: string;
  close(): Promise<void>;
}

export interface Browser {
  page(look?: Look): Promise<BrowserPage>;
  close(): Promise<void>;
}

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--hide-scrollbars",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-pipe",
];

export async function launchChromium(): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "bristlecone-chromium-"));
  const child = spawn(CHROMIUM ?? "chromium", [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
  });
  const protocol = new Protocol(child);
  let pages = 0;
  return {
    async page(look = { width: 1180, height: 900 }) {
      const { browserContextId } = await protocol.send("Target.createBrowserContext", {});
      const { targetId } = await protocol.send("Target.createTarget", {
        url: "about:blank",
        browserContextId,
      });
      const { sessionId } = await protocol.send("Target.attachToTarget", { targetId, flatten: true });
      pages += 1;
      const downloads = join(profile, `downloads-${pages}`);
      const downloading = { behavior: "allow", downloadPath: downloads, browserContextId };
      await protocol.send("Browser.setDownloadBehavior", downloading);
      const page = new PipedPage(protocol, { sessionId, targetId, downloads });
      await page.begin(look);
      return page;
    },
    async close() {
      await protocol.send("Browser.close", {}).catch(() => {});
      if (child.exitCode === null) await new Promise((resolve) => child.once("exit", resolve));
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: what the protocol answers has no types here.
type Result = any;

class Protocol {
  readonly #write: Writable;
  readonly #waiting = new Map<number, { resolve(result: Result): void; reject(error: Error): void }>();
  readonly #listeners = new Set<(message: Result) => void>();
  #lastId = 0;

  constructor(child: ChildProcess) {
    this.#write = child.stdio[3] as Writable;
    const pieces: Buffer[] = [];
    (child.stdio[4] as Readable).on("data", (piece: Buffer) => {
      let rest = piece;
      for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
        pieces.push(rest.subarray(0, end));
        this.#take(JSON.parse(Buffer.concat(pieces.splice(0)).toString("utf8")));
        rest = rest.subarray(end + 1);
      }
      if (rest.length > 0) pieces.push(rest);
    });
    child.once("exit", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("Chromium ended"));
    });
  }

  send(method: string, params: object, sessionId?: string): Promise<Result> {
    const id = ++this.#lastId;
    this.#write.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject: (error) => reject(new Error(`${method}: ${error.message}`)) });
    });
  }

  onEvent(listener: (message: Result) => void): void {
    this.#listeners.add(listener);
  }

  #take(message: Result): void {
    if (message.id === undefined) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error) waiting?.reject(new Error(message.error.message));
    else waiting?.resolve(message.result);
  }
}

class PipedPage implements BrowserPage {
  readonly console: string[] = [];
  readonly requests: string[] = [];
  readonly downloads: string;
  readonly #protocol: Protocol;
  readonly #sessionId: string;
  readonly #targetId: string;
  #look: Look = { width: 1180, height: 900 };

  constructor(protocol: Protocol, ids: { sessionId: string; targetId: string; downloads: string }) {
    this.#protocol = protocol;
    this.#sessionId = ids.sessionId;
    this.#targetId = ids.targetId;
    this.downloads = ids.downloads;
    protocol.onEvent(({ method, params, sessionId }) => {
      if (sessionId !== this.#sessionId) return;
      if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
      if (method === "Runtime.exceptionThrown")
        this.console.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === "Runtime.consoleAPICalled")
        this.console.push(params.args.map((value: Result) => value.value ?? value.description).join(" "));
      if (method === "Log.entryAdded") this.console.push(`${params.entry.text} ${params.entry.url ?? ""}`);
    });
  }

  async begin(look: Look): Promise<void> {
    for (const domain of ["Page", "Runtime", "Network", "Log", "DOM"]) await this.#send(`${domain}.enable`);
    await this.look(look);
  }

  async look(look: Look): Promise<void> {
    this.#look = look;
    const { width, height, scheme = "light", isPhone = false } = look;
    const metrics = { width, height, deviceScaleFactor: isPhone ? 2 : 1, mobile: isPhone };
    await this.#send("Emulation.setDeviceMetricsOverride", metrics);
    const features = [{ name: "prefers-color-scheme", value: scheme }];
    await this.#send("Emulation.setEmulatedMedia", { features });
  }

  async goto(url: string): Promise<void> {
    await this.#send("Page.navigate", { url });
    await this.until("document.readyState === 'complete'");
  }

  async evaluate<T>(expression: string): Promise<T> {
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", asked);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async until(expression: string, timeoutMs = 20_000): Promise<void> {
    const poll = `new Promise((resolve) => {
      const end = performance.now() + ${timeoutMs};
      const look = () => { let is = false; try { is = Boolean(${expression}); } catch {}
        if (is || performance.now() > end) resolve(is); else setTimeout(look, 20); };
      look();
    })`;
    const isSo = await this.evaluate<boolean>(poll).catch((error: Error) => {
      // A page that is just being replaced.
      if (/navigated|context/.test(error.message)) return this.until(expression, timeoutMs).then(() => true);
      throw error;
    });
    if (isSo) return;
    const text = await this.evaluate<string>("document.body.innerText");
    throw new Error(`not so: ${expression}\n${this.console.join("\n")}\n${text.slice(0, 2_000)}`);
  }

  async press(key: string): Promise<void> {
    const codes: Record<string, number> = { Tab: 9, Enter: 13, Escape: 27 };
    const text = key.length === 1 ? key : key === "Enter" ? "\r" : undefined;
    const event = { key, windowsVirtualKeyCode: codes[key] ?? 0, ...(text && { text }) };
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
    await this.#send("Input.dispatchKeyEvent", {
      type: "keyUp",
      key,
      windowsVirtualKeyCode: codes[key] ?? 0,
    });
  }

  async screenshot(file: string): Promise<void> {
    const height = await this.evaluate<number>("document.documentElement.scrollHeight");
    const look = this.#look;
    await this.look({ ...look, height: Math.max(look.height, Math.ceil(height)) });
    await this.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    const { data } = await this.#send("Page.captureScreenshot", { format: "png" });
    await writeFile(file, Buffer.from(data, "base64"));
    await this.look(look);
  }

  async choose(selector: string, files: readonly string[]): Promise<void> {
    const { root } = await this.#send("DOM.getDocument");
    const { nodeId } = await this.#send("DOM.querySelector", { nodeId: root.nodeId, selector });
    await this.#send("DOM.setFileInputFiles", { files, nodeId });
  }

  async close(): Promise<void> {
    await this.#protocol.send("Target.closeTarget", { targetId: this.#targetId });
  }

  #send(method: string, params: object = {}): Promise<Result> {
    return this.#protocol.send(method, params, this.#sessionId);
  }
}
