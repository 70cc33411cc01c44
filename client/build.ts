/** Run as a program: writes client.js, evidence.js, tail.js, key-ring.js and ml-dsa.js to dist/browser, which a page loads as they are. */
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";

const ROOT = resolve(import.meta.dirname, "..");
const ML_DSA = "@noble/post-quantum/ml-dsa.js";

/**
 * The client as a page would load it: one file; beside it "./ml-dsa.js", "./tail.js", "./key-ring.js" and "./evidence.js", loaded at their first use. The last is whole
 * by itself too, for pages that verify evidence and do nothing else.
 */
export async function bundleClient(
  shape: { readonly format: "esm" } | { readonly format: "iife"; readonly globalName: string },
): Promise<{
  readonly client: string;
  readonly evidence: string;
  readonly tail: string;
  readonly keyRing: string;
  readonly mlDsa: string;
  readonly inputs: readonly string[];
}> {
  const client = await bundle({ entry: "client/index.ts", ...shape, plugins: [besideTheClient] });
  const evidence = await bundle({ entry: "client/evidence.ts", format: "esm", plugins: [besideTheClient] });
  const tail = await bundle({ entry: "client/tail.ts", format: "esm", plugins: [] });
  const keyRing = await bundle({ entry: "client/key-ring.ts", format: "esm", plugins: [besideTheClient] });
  const mlDsa = await bundle({ entry: `node_modules/${ML_DSA}`, format: "esm", plugins: [] });
  return {
    client: client.text,
    evidence: evidence.text,
    tail: tail.text,
    keyRing: keyRing.text,
    mlDsa: mlDsa.text,
    inputs: client.inputs,
  };
}

/** Leaves dynamic imports alone, and points them to the files that lie beside the bundle. */
const besideTheClient: Plugin = {
  name: "beside-the-client",
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/(evidence|tail|key-ring)\.ts$/ }, ({ path, kind }) =>
      kind === "dynamic-import" ? { path: path.replace(/ts$/, "js"), external: true } : undefined,
    );
    onResolve({ filter: /^@noble\/post-quantum\// }, ({ path, kind }) => {
      if (path !== ML_DSA || kind !== "dynamic-import") return { errors: [{ text: `${kind} of ${path}` }] };
      return { path: "./ml-dsa.js", external: true };
    });
  },
};

async function bundle(what: {
  readonly entry: string;
  readonly format: "esm" | "iife";
  readonly globalName?: string;
  readonly plugins: Plugin[];
}): Promise<{ readonly text: string; readonly inputs: readonly string[] }> {
  const { entry, ...rest } = what;
  const result = await build({
    ...rest,
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    platform: "neutral",
    conditions: ["bristlecone-source"],
    target: "es2022",
    write: false,
    metafile: true,
  });
  return { text: result.outputFiles[0]?.text ?? "", inputs: Object.keys(result.metafile.inputs) };
}

async function writeBundles(folder: string): Promise<void> {
  const { client, evidence, tail, keyRing, mlDsa } = await bundleClient({ format: "esm" });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "client.js"), client);
  await writeFile(join(folder, "evidence.js"), evidence);
  await writeFile(join(folder, "tail.js"), tail);
  await writeFile(join(folder, "key-ring.js"), keyRing);
  await writeFile(join(folder, "ml-dsa.js"), mlDsa);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await writeBundles(join(ROOT, "dist/browser"));
