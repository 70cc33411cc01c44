import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createContext, Script } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleClient } from "../../client/build.ts";
import { ML_DSA_44 } from "../../src/tlog/cosignature.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { type FakeLog, numbered, openFakeLog } from "./fake-log.ts";

/** All of a platform the client may rely on: what browsers, workers, Deno, Bun and Node share. */
const WEB_GLOBALS = {
  fetch: globalThis.fetch,
  Response,
  URL,
  AbortController,
  AbortSignal,
  TextEncoder,
  TextDecoder,
  crypto: globalThis.crypto,
  setTimeout,
  clearTimeout,
  atob,
  btoa,
};

describe("the bundle in a realm without Node", () => {
  let log: FakeLog;
  let run: (body: string, globals?: Record<string, unknown>) => Promise<unknown>;

  beforeAll(async () => {
    log = await openFakeLog({ entries: numbered(300) });
    const { client } = await bundleClient({ format: "iife", globalName: "bristlecone" });
    const script = new Script(client);
    run = async (body, globals = {}) => {
      const context = createContext({ ...WEB_GLOBALS, log, vkey: log.vkey, ...globals });
      script.runInContext(context);
      return new Script(`(async () => { ${body} })()`).runInContext(context);
    };
  });

  test("has no Node there to lean on", async () => {
    expect(await run("return [typeof process, typeof Buffer, typeof require, typeof global]")).toEqual(
      Array(4).fill("undefined"),
    );
  });

  test("verifies a receipt with the default crypto, and refuses it for another entry", async () => {
    const globals = { receipt: log.receipt(7) };
    const verify = `
      const verify = (text) => bristlecone.verifyReceipt({ receipt, vkey, entry: new TextEncoder().encode(text) });
      const { leafIndex, treeSize } = await verify("entry 7");
      const refused = await verify("entry 8").catch((error) => error.code);
      return [leafIndex, treeSize, refused].join(" ");`;
    expect(await run(verify, globals)).toBe("7 300 PROOF_INVALID");
  });

  test("appends, reads and proves", async () => {
    const body = `
      const client = bristlecone.openLogClient({ url: log.url, vkey, fetch: log.fetch });
      const appended = await client.append(new TextEncoder().encode("new"), { waitForReceiptMs: 1000 });
      let read = 0;
      for await (const _ of client.entries()) read += 1;
      const { proof } = await client.consistency({ fromSize: 7, toSize: 301 });
      return [appended.receipt.leafIndex, read, proof.length].join(" ");`;
    expect(await run(body)).toBe("300 301 10");
  });

  test("says what is missing where a page has no WebCrypto", async () => {
    const globals = { receipt: log.receipt(7), crypto: undefined };
    const verify = `return bristlecone.verifyReceipt({ receipt, vkey, entry: new Uint8Array(0) }).catch((error) => error.code);`;
    expect(await run(verify, globals)).toBe("CRYPTO_UNAVAILABLE");
  });
});

describe("the bundle as a module", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "bundle-"));
    const { client, mlDsa, tail } = await bundleClient({ format: "esm" });
    await writeFile(join(folder, "client.mjs"), client.replaceAll(/\.\/(ml-dsa|tail)\.js/g, "./$1.mjs"));
    await writeFile(join(folder, "tail.mjs"), tail);
    await writeFile(join(folder, "ml-dsa.mjs"), mlDsa);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("loads ML-DSA when a key asks for it", async () => {
    const seed = new Uint8Array(32).fill(3);
    const key = await generateSigningKey({ name: "log.example/test", type: ML_DSA_44, seed });
    const signer = await openSigner(formatSigningKey(key));
    const log = await openFakeLog({ entries: numbered(9), signers: [signer] });
    const bundle = await import(/* @vite-ignore */ pathToFileURL(join(folder, "client.mjs")).href);
    const claim = { receipt: log.receipt(7), entry: log.entries[7] };
    const vkey = formatVerifierKey(signer.verifierKey);
    expect(await bundle.verifyReceipt({ ...claim, vkey })).toMatchObject({ leafIndex: 7, logKeys: [vkey] });
  });

  test("follows with the file that lies beside it, whose errors are the client's", async () => {
    const log = await openFakeLog({ entries: numbered(300) });
    const bundle = await import(/* @vite-ignore */ pathToFileURL(join(folder, "client.mjs")).href);
    const { url, vkey, fetch } = log;
    const client = bundle.openLogClient({ url, vkey, fetch });
    const followed: number[] = [];
    for await (const { leafIndex } of client.follow({ from: 298 })) if (followed.push(leafIndex) === 2) break;
    expect(followed).toEqual([298, 299]);
    const aborted = client.follow({ signal: AbortSignal.abort() }).next();
    await expect(aborted).rejects.toBeInstanceOf(bundle.TlogError);
  });
});
