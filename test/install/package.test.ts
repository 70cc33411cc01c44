import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, "../..");

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bristlecone-package-"));
  await run("npm", ["pack", "--pack-destination", folder], { cwd: ROOT });
  const [tarball] = await readdir(folder);
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await run("npm", ["install", "--omit=dev", "--no-audit", "--no-fund", `./${tarball}`], { cwd: folder });
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
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
    ]) {
      expect(help).toMatch(new RegExp(`^\\s+${command}\\b`, "m"));
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

  it("exports nothing but its two doors", async () => {
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

  it("ships types that a strict program compiles against, under nodenext and bundler resolution", async () => {
    await writeFile(
      join(folder, "use.ts"),
      `import { type Log, openLog, TlogError } from "bristlecone/server";
       import { verifyReceipt } from "bristlecone/client";
       export async function use(log: Log, receipt: string): Promise<number> {
         const verified = await verifyReceipt({ receipt, entry: new Uint8Array(), vkey: log.vkeys[0] ?? "" });
         const size: number = verified.treeSize;
         // @ts-expect-error sizes are numbers: a type of any would let this pass
         const wrong: string = verified.treeSize;
         return size + wrong.length;
       }
       export const doors: readonly unknown[] = [openLog, TlogError];`,
    );
    for (const module of ["nodenext", "esnext"]) {
      const resolution = module === "nodenext" ? "nodenext" : "bundler";
      const args = [
        "--noEmit",
        "--strict",
        "--target",
        "es2023",
        "--lib",
        "es2023,esnext.disposable,dom",
        "--types",
        "",
        "--module",
        module,
      ];
      await run(join(ROOT, "node_modules/.bin/tsc"), [...args, "--moduleResolution", resolution, "use.ts"], {
        cwd: folder,
      });
    }
  });
});
