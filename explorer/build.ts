/**
 * Run as a program: writes the explorer to dist/explorer. index.html refers to files below "explorer/" whose names hold a hash of their
 * content, so that they may be cached for ever.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildOptions, build } from "esbuild";

const ROOT = resolve(import.meta.dirname, "..");

/** A file of the explorer: "index.html", or a name below "explorer/". */
export interface ExplorerFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Bundles everything; nothing is written. */
export async function buildExplorer(): Promise<readonly ExplorerFile[]> {
  const [scripts, packs, styles] = await Promise.all([
    bundle({ entryPoints: ["explorer/main.ts"], format: "esm", splitting: true }),
    // One file that runs as a classic script: what is loaded at first use elsewhere is in it.
    bundle({ entryPoints: ["explorer/pack-page.ts"], format: "iife" }),
    bundle({ entryPoints: ["explorer/style.css"] }),
  ]);
  const icon = await readFile(join(ROOT, "explorer/icon.svg"));
  const iconName = `icon-${createHash("sha256").update(icon).digest("hex").slice(0, 8)}.svg`;
  const assets = [...scripts, ...packs, ...styles, { name: iconName, bytes: icon }];
  const names = {
    main: nameOf(scripts, "main-"),
    pack: nameOf(packs, "pack-page-"),
    style: nameOf(styles, "style-"),
    icon: iconName,
  };
  const template = await readFile(join(ROOT, "explorer/index.html"), "utf8");
  const html = template.replace(
    /\{\{(main|pack|style|icon)\}\}/g,
    (_, key: keyof typeof names) => `explorer/${names[key]}`,
  );
  return [{ name: "index.html", bytes: Buffer.from(html) }, ...assets];
}

async function bundle(options: BuildOptions): Promise<readonly ExplorerFile[]> {
  const { outputFiles = [] } = await build({
    ...options,
    absWorkingDir: ROOT,
    outdir: "dist/explorer",
    entryNames: "[name]-[hash]",
    chunkNames: "part-[hash]",
    bundle: true,
    minify: true,
    platform: "browser",
    conditions: ["bristlecone-source"],
    target: ["es2022", "chrome111", "firefox115", "safari16.4"],
    write: false,
  });
  return outputFiles.map(({ path, contents }) => ({ name: basename(path), bytes: contents }));
}

function nameOf(files: readonly ExplorerFile[], prefix: string): string {
  const found = files.find(({ name }) => name.startsWith(prefix));
  if (found === undefined) throw new TypeError(`the build made no ${prefix}… file`);
  return found.name;
}

/** Writes the files: index.html at the top, all others below "explorer/". */
export async function writeExplorer(folder: string): Promise<void> {
  const files = await buildExplorer();
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, "explorer"), { recursive: true });
  for (const { name, bytes } of files) {
    await writeFile(join(folder, name === "index.html" ? name : join("explorer", name)), bytes);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await writeExplorer(join(ROOT, "dist/explorer"));
