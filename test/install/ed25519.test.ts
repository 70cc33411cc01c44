import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { CHROMIUM, launchChromium } from "../explorer/chromium.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** Every shared vector by the default body, as it decides there; and whether it believed the browser's Ed25519. */
const PAGE = `
  import { isValidEd25519 } from "./src/crypto/default.ts";
  import { strictWebVerifier } from "./src/crypto/ed25519-web.ts";
  import { cases } from "./spec/vectors/ed25519.json";
  const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16));
  const wrong = [];
  for (const { name, publicKey, message, signature, valid } of cases) {
    const claim = { publicKey: bytes(publicKey), message: bytes(message), signature: bytes(signature) };
    if ((await isValidEd25519(claim)) !== valid) wrong.push(name);
  }
  const isStrict = (await strictWebVerifier(crypto.subtle)) !== undefined;
  document.body.textContent = "RESULT " + JSON.stringify({ cases: cases.length, wrong, isStrict });
`;

it.skipIf(CHROMIUM === undefined)("gives the one verdict on every shared vector in a browser", async () => {
  const { outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir: ROOT },
    absWorkingDir: ROOT,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    write: false,
  });
  const html = `<!doctype html><body><script type="module">${outputFiles[0]?.text}</script></body>`;
  const page = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
  });
  await new Promise<void>((listening) => page.listen(0, "127.0.0.1", listening));
  const browser = await launchChromium();
  try {
    const address = page.address();
    const port = address === null || typeof address === "string" ? 0 : address.port;
    const shown = await browser.page();
    await shown.goto(`http://127.0.0.1:${port}/`);
    await shown.until("/^RESULT /.test(document.body.textContent)", 20_000);
    const text = await shown.evaluate<string>("document.body.textContent");
    const { length } = JSON.parse(readFileSync(join(ROOT, "spec/vectors/ed25519.json"), "utf8")).cases;
    expect(text).toBe(`RESULT ${JSON.stringify({ cases: length, wrong: [], isStrict: true })}`);
  } finally {
    await browser.close();
    page.close();
  }
});
