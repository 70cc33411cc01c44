/** Run as a program: writes the command line to dist/bin, in a few files, and one for each process that it starts. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { cutIntoChunks } from "./build-chunks.ts";

const ROOT = resolve(import.meta.dirname, "..");
/** What the command starts is found beside it. */
const PROCESSES = [
  "src/node/ml-dsa-worker.js",
  "src/node/matcher-worker.js",
  "src/readers/reader-process.ts",
  "src/fsck/fsck-process.ts",
  "src/keys/pkcs11-process.ts",
];

/**
 * Bundles programs with all they need but LMDB, whose native part is found by its place. Loading some 400 modules one by one is what most of
 * a start is; most of the rest is reading what a command does not need, so the command is cut into chunks.
 * @param more.entryPoints - further programs, relative to the root.
 * @param more.plugins - of esbuild.
 * @returns the files that went in, relative to the root, and those that came out.
 */
export async function buildPrograms(
  outdir: string,
  more: { readonly entryPoints?: readonly string[]; readonly plugins?: readonly Plugin[] } = {},
): Promise<{ readonly inputs: readonly string[]; readonly outputs: readonly string[] }> {
  const plugins = [englishOnly, ...(more.plugins ?? [])];
  const entryPoints = [...PROCESSES, ...(more.entryPoints ?? [])];
  const built = await Promise.all([
    bundle({
      outdir,
      entryPoints: ["src/cli/main.ts"],
      splitting: true,
      plugins: [cutIntoChunks(ROOT), ...plugins],
    }),
    bundle({ outdir, entryPoints, plugins }),
  ]);
  return {
    inputs: [...new Set(built.flatMap(({ inputs }) => Object.keys(inputs)))],
    outputs: built.flatMap(({ outputs }) => Object.keys(outputs)),
  };
}

async function bundle(options: BuildOptions): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryNames: "[name]",
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["bristlecone-source"],
    external: ["lmdb"],
    // For the CommonJS among the dependencies.
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
    },
    ...options,
    metafile: true,
  });
  return metafile;
}

/** zod in English, as it is without being told: its other 60 languages are a tenth of what a start reads, and hang on a name that `z` exports. */
const englishOnly: Plugin = {
  name: "english-only",
  setup(building) {
    building.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, ({ path }) => ({
      contents: "export { default as en } from './en.js';",
      resolveDir: dirname(path),
    }));
  },
};

/** The licenses of the packages that went into these files, which have to go with them. */
function licensesOf(inputs: readonly string[]): string {
  const folders = inputs.flatMap(
    (input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? [],
  );
  const texts = [...new Set(folders)].sort().map((folder) => {
    const path = resolve(ROOT, folder);
    // A package without the text says in its manifest which it is.
    const name = readdirSync(path).find((file) => /^licen[cs]e/i.test(file)) ?? "package.json";
    return `${folder.replace(/^.*node_modules\//, "")}\n\n${readFileSync(join(path, name), "utf8").trim()}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

/** Chunks are named after what is in them, so those of an earlier build would stay. */
function removeOthers(outdir: string, outputs: readonly string[]): void {
  const names = new Set(outputs.map((path) => basename(path)));
  for (const file of readdirSync(outdir)) if (!names.has(file)) rmSync(join(outdir, file));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const outdir = join(ROOT, "dist/bin");
  const { inputs, outputs } = await buildPrograms(outdir);
  removeOthers(outdir, outputs);
  writeFileSync(join(outdir, "LICENSES"), licensesOf(inputs));
}
