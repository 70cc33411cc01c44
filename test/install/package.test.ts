import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installPacked, type PackedInstall, ROOT, run } from "./packed.ts";

let installed: PackedInstall;
let folder: string;

beforeAll(async () => {
  installed = await installPacked();
  folder = installed.folder;
});

afterAll(async () => {
  await installed.remove();
});

/** Runs a program text in the folder where the package is installed; returns what it prints. */
async function runScript(text: string): Promise<string> {
  const file = join(folder, "script.mjs");
  await writeFile(file, text);
  const { stdout } = await run(process.execPath, [file], { cwd: folder });
  return stdout.trim();
}

describe("the packed package, installed in an empty folder", () => {
  it("has a working bin", async () => {
    const { stdout } = await run("npx", ["--no-install", "bristlecone", "--version"], { cwd: folder });
    expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
    const { stdout: help } = await run("npx", ["--no-install", "bristlecone", "--help"], { cwd: folder });
    for (const command of [
      "keygen",
      "serve",
      "add",
      "get",
      "receipt",
      "verify",
      "checkpoint",
      "consistency",
      "cat",
      "tail",
      "policy",
      "conformance",
    ]) {
      expect(help).toMatch(new RegExp(`^\\s+${command}\\b`, "m"));
    }
  });

  it("brings the pages that its messages send people to", () => {
    for (const page of [
      "docs/operator.md",
      "deploy/README.md",
      "deploy/runbooks/README.md",
      "spec/push.md",
    ]) {
      expect(existsSync(join(folder, "node_modules/bristlecone", page)), page).toBe(true);
    }
  });

  it("appends with ./server and verifies with ./client", async () => {
    const printed = await runScript(`
      import { formatSigningKey, generateSigningKey, openLog, openSigner } from "bristlecone/server";
      import { verifyReceipt } from "bristlecone/client";

      const signer = await openSigner(formatSigningKey(await generateSigningKey({ name: "example.com/log" })));
      const log = await openLog({ directory: "data", signer });
      const entry = new TextEncoder().encode("hello");
      const { leafIndex } = await log.add(entry);
      await log.untilPublished(leafIndex, { signal: AbortSignal.timeout(5000) });
      const receipt = await log.receipt(leafIndex);
      const { origin, treeSize } = await verifyReceipt({ receipt, entry, vkey: log.vkeys[0] });
      await log.close();
      console.log(leafIndex, treeSize, origin);
    `);
    expect(printed).toBe("0 1 example.com/log");
  });

  it("tests a log with the cases it brings", async () => {
    const printed = await runScript(`
      import { execFile } from "node:child_process";
      import { promisify } from "node:util";
      import { formatSigningKey, generateSigningKey, openLog, openSigner, serveLog } from "bristlecone/server";

      const signer = await openSigner(formatSigningKey(await generateSigningKey({ name: "example.com/tested" })));
      const log = await openLog({ directory: "tested", signer });
      await log.addBatch(Array.from({ length: 300 }, (_, index) => new TextEncoder().encode(String(index))));
      await log.untilPublished(299, { signal: AbortSignal.timeout(5000) });
      const server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
      const argv = ["--no-install", "bristlecone", "conformance", "log", server.url, "--vkey", log.vkeys[0], "--rate", "200"];
      const { stdout } = await promisify(execFile)("npx", argv);
      await server.close();
      await log.close();
      console.log(stdout);
    `);
    expect(printed).toMatch(/^\d+ cases: [1-9]\d* pass(, \d+ open)?(, \d+ not run)? \(/m);
  });

  it("brings the worker that its ML-DSA-44 threads run", async () => {
    const printed = await runScript(`
      import { openMlDsaPool } from "./node_modules/bristlecone/dist/src/node/ml-dsa-pool.js";
      const { publicKey } = await openMlDsaPool().keyPair(new Uint8Array(32));
      console.log(publicKey.length);
    `);
    expect(printed).toBe("1312");
  });

  it("exports nothing but its doors", async () => {
    const printed = await runScript(`
      const codes = await Promise.all(
        ["bristlecone", "bristlecone/dist/src/errors.js", "bristlecone/src/server.ts"].map((name) =>
          import(name).then(() => "imported", (error) => error.code),
        ),
      );
      console.log(codes.join(" "));
    `);
    expect(printed).toBe(Array(3).fill("ERR_PACKAGE_PATH_NOT_EXPORTED").join(" "));
  });

  it.each([
    // The client's types want nothing of Node; the server's want Node's.
    {
      door: "client",
      types: { types: [], lib: ["es2023", "esnext.disposable", "dom"] },
      text: `import { verifyReceipt } from "bristlecone/client";
             export async function use(receipt: string, vkey: string): Promise<number> {
               const verified = await verifyReceipt({ receipt, entry: new Uint8Array(), vkey });
               const size: number = verified.treeSize;
               // @ts-expect-error a type of any would let this pass
               const wrong: string = verified.treeSize;
               return size + wrong.length;
             }`,
    },
    {
      door: "evidence",
      types: { types: [], lib: ["es2023", "esnext.disposable", "dom"] },
      text: `import { parseVerifierKey, verifyForkEvidence } from "bristlecone/evidence";
             export async function use(evidence: string, vkey: string): Promise<string> {
               const { accused } = await verifyForkEvidence({ evidence, logKeys: [parseVerifierKey(vkey)] });
               // @ts-expect-error a type of any would let this pass
               const wrong: number = accused.name;
               return accused.name + wrong;
             }`,
    },
    {
      door: "server",
      types: {
        types: ["node"],
        typeRoots: [join(ROOT, "node_modules/@types")],
        lib: ["es2023", "esnext.disposable"],
      },
      text: `import { type Log, openLog, TlogError } from "bristlecone/server";
             export const doors: readonly unknown[] = [openLog, TlogError];
             // @ts-expect-error a type of any would let this pass
             export const wrong = (log: Log): string => log.integratedSize();`,
    },
  ])(
    "ships types of ./$door that a strict program compiles against, under nodenext and bundler resolution",
    async ({ door, types, text }) => {
      await writeFile(join(folder, `${door}.ts`), text);
      const strict = { noEmit: true, strict: true, target: "es2023", ...types };
      for (const resolution of [
        { module: "nodenext", moduleResolution: "nodenext" },
        { module: "esnext", moduleResolution: "bundler" },
      ]) {
        const config = { compilerOptions: { ...strict, ...resolution }, files: [`${door}.ts`] };
        await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
        const { stdout } = await run(join(ROOT, "node_modules/.bin/tsc"), [], { cwd: folder }).catch(
          (error) => error,
        );
        expect(stdout).toBe("");
      }
    },
  );

  it("brings the client as one file without imports, ML-DSA, evidence and following apart", async () => {
    const printed = await runScript(`
      import { parsePolicy, verifyReceipt } from "bristlecone/browser";
      import { readFileSync } from "node:fs";
      import { fileURLToPath } from "node:url";
      const text = readFileSync(fileURLToPath(import.meta.resolve("bristlecone/browser")), "utf8");
      const imports = [...text.matchAll(/\\bfrom *"([^"\\\\s,]+)"|\\bimport\\("([^"]+)"\\)/g)].map((match) => match[1] ?? match[2]);
      console.log(typeof parsePolicy, typeof verifyReceipt, imports.sort().join(" "));
    `);
    expect(printed).toBe("function function ./evidence.js ./key-ring.js ./ml-dsa.js ./tail.js");
  });
});
