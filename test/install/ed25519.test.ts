import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { run } from "./packed.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);

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
  const profile = await mkdtemp(join(tmpdir(), "bristlecone-chromium-"));
  try {
    const address = page.address();
    const port = address === null || typeof address === "string" ? 0 : address.port;
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
    const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
    const { stdout } = await run(CHROMIUM ?? "", [
      ...flags,
      ...quiet,
      "--timeout=20000",
      "--dump-dom",
      `--user-data-dir=${profile}`,
      `http://127.0.0.1:${port}/`,
    ]);
    const { length } = JSON.parse(readFileSync(join(ROOT, "spec/vectors/ed25519.json"), "utf8")).cases;
    expect(/RESULT (\{.*?\})/.exec(stdout)?.[1]).toBe(
      JSON.stringify({ cases: length, wrong: [], isStrict: true }),
    );
  } finally {
    page.close();
    await rm(profile, { recursive: true, force: true });
  }
});
