/** Run as a program: writes dist/browser/client.js and dist/browser/ml-dsa.js, which a page loads as they are. */
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";

const ROOT = resolve(import.meta.dirname, "..");
const ML_DSA = "@noble/post-quantum/ml-dsa.js";

/** The client as a page would load it: one file, and ML-DSA beside it, in "./ml-dsa.js", loaded at its first use. */
export async function bundleClient(
  shape: { readonly format: "esm" } | { readonly format: "iife"; readonly globalName: string },
): Promise<{ readonly client: string; readonly mlDsa: string; readonly inputs: readonly string[] }> {
  const client = await bundle({ entry: "client/index.ts", ...shape, plugins: [besideTheClient] });
  const mlDsa = await bundle({ entry: `node_modules/${ML_DSA}`, format: "esm", plugins: [] });
  return { client: client.text, mlDsa: mlDsa.text, inputs: client.inputs };
}

/** Leaves the one dynamic import alone, and points it to the file that lies beside the bundle. */
const besideTheClient: Plugin = {
  name: "ml-dsa-beside-the-client",
  setup: ({ onResolve }) => {
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
  const { client, mlDsa } = await bundleClient({ format: "esm" });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "client.js"), client);
  await writeFile(join(folder, "ml-dsa.js"), mlDsa);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await writeBundles(join(ROOT, "dist/browser"));
