/**
 * Run as a program: writes the explorer to dist/explorer. index.html refers to files below "explorer/" whose names hold a hash of their
 * content, so that they may be cached for ever.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildOptions, build, type Metafile } from "esbuild";

const ROOT = resolve(import.meta.dirname, "..");

/** A file of the explorer: "index.html", or a name below "explorer/". */
export interface ExplorerFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Bundles everything; nothing is written. */
export async function buildExplorer(): Promise<readonly ExplorerFile[]> {
  const [scripts, styles, icon] = await Promise.all([
    bundle({ entryPoints: ["explorer/main.ts", "explorer/pack-page.ts"], format: "esm", splitting: true }),
    bundle({ entryPoints: ["explorer/style.css"] }),
    readFile(join(ROOT, "explorer/icon.svg")),
  ]);
  const iconName = `icon-${createHash("sha256").update(icon).digest("hex").slice(0, 8)}.svg`;
  const main = nameOf(scripts.files, "main-");
  const parts = inOrder(scripts.outputs, main, []).filter((name) => name !== main);
  const preload = parts.map((name) => `<link rel="modulepreload" href="${placed(name)}" />`);
  const filled: Readonly<Record<string, string>> = {
    main: placed(main),
    preload: preload.join("\n    "),
    // With a page that has no network goes all it may need, signatures that few logs have too.
    pack: inOrder(scripts.outputs, nameOf(scripts.files, "pack-page-"), ["dynamic-import"])
      .map(placed)
      .join(" "),
    style: placed(nameOf(styles.files, "style-")),
    icon: placed(iconName),
  };
  const template = await readFile(join(ROOT, "explorer/index.html"), "utf8");
  const html = template.replace(/\{\{(\w+)\}\}/g, (_, key: string) => filled[key] ?? "");
  return [
    { name: "index.html", bytes: Buffer.from(html) },
    ...scripts.files,
    ...styles.files,
    { name: iconName, bytes: icon },
  ];
}

const placed = (name: string): string => `explorer/${name}`;

type Outputs = Readonly<Record<string, Pick<Metafile["outputs"][string], "imports" | "inputs">>>;

/**
 * What a script imports and itself, each after what it imports.
 * @param kinds - beside imports that are always loaded: with "dynamic-import" libraries that are loaded at their first use.
 */
function inOrder(outputs: Outputs, name: string, kinds: readonly string[]): readonly string[] {
  const imports = outputs[name]?.imports ?? [];
  const isLibrary = (path: string) => {
    const inputs = Object.keys(outputs[path]?.inputs ?? {});
    return inputs.length > 0 && inputs.every((input) => input.includes("node_modules/"));
  };
  const isWanted = (kind: string, path: string) =>
    kind === "import-statement" || (kinds.includes(kind) && isLibrary(path));
  const before = imports
    .map(({ kind, path }) => ({ kind, path: basename(path) }))
    .filter(({ kind, path }) => isWanted(kind, path))
    .flatMap(({ path }) => inOrder(outputs, path, kinds));
  return [...new Set([...before, name])];
}

async function bundle(
  options: BuildOptions,
): Promise<{ readonly files: readonly ExplorerFile[]; readonly outputs: Outputs }> {
  const { outputFiles = [], metafile } = await build({
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
    metafile: true,
  });
  const outputs = Object.entries(metafile?.outputs ?? {}).map(([path, output]) => [basename(path), output]);
  return {
    files: outputFiles.map(({ path, contents }) => ({ name: basename(path), bytes: contents })),
    outputs: Object.fromEntries(outputs),
  };
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
