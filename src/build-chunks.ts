/** How the command's one program is cut: what is loaded together is one file, because reading a file costs as much as 50 KB of it. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { Plugin } from "esbuild";

/**
 * Which chunk holds what an `import()` of ours names, by file. What has no row goes with the commands of clients, so a heavy module
 * belongs in one. What several chunks need is in further files that they share: a class is the same class everywhere.
 */
const CHUNKS: readonly { readonly chunk: string; readonly files: RegExp }[] = [
  {
    chunk: "server",
    files:
      /^src\/cli\/(serve|freeze|rotate|doctor|drill|witness|webhook-test|restore|import|repair|local-witnesses)\.ts$/,
  },
  { chunk: "server", files: /^src\/(readers\/|telemetry\/(log|witness)-metrics)/ },
  { chunk: "monitor", files: /^src\/cli\/(monitor|monitor-status|conformance-log|conformance-witness)\.ts$/ },
  { chunk: "monitor", files: /^src\/(telemetry\/monitor-metrics|http\/(monitor|serve-apps))\.ts$/ },
  { chunk: "archive", files: /^src\/(cli\/(fsck|backup|export)|store\/witness-lmdb)\.ts$/ },
];

const IMPORT = /\bimport\("(\.{1,2}\/[^"]+\.ts)"\)/g;

/** @param root - the directory that holds src and client. */
export function cutIntoChunks(root: string): Plugin {
  const importers = filesWithImports(root);
  const targets = [...importers].flatMap(([path, text]) =>
    [...text.matchAll(IMPORT)].map(([, specifier = ""]) => resolve(dirname(path), specifier)),
  );
  const chunkOf = (target: string) =>
    CHUNKS.find(({ files }) => files.test(relative(root, target)))?.chunk ?? "client";
  return {
    name: "cut-into-chunks",
    setup(building) {
      building.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const contents = importers.get(path)?.replaceAll(IMPORT, (_, specifier: string) => {
          const target = resolve(dirname(path), specifier);
          return `import('chunk:${chunkOf(target)}').then((chunk) => chunk.${exportName(root, target)})`;
        });
        return contents === undefined ? undefined : { contents, loader: "ts" };
      });
      building.onResolve({ filter: /^chunk:/ }, ({ path }) => ({
        path: join(root, path.slice("chunk:".length)),
        namespace: "chunk",
      }));
      building.onLoad({ filter: /./, namespace: "chunk" }, ({ path }) => ({
        contents: [...new Set(targets)]
          .filter((target) => join(root, chunkOf(target)) === path)
          .map((target) => `export * as ${exportName(root, target)} from "./${relative(root, target)}";`)
          .join("\n"),
        resolveDir: root,
      }));
    },
  };
}

function exportName(root: string, target: string): string {
  return relative(root, target).replace(/\W/g, "_");
}

/** The sources that load others when they are needed, by path. */
function filesWithImports(root: string): ReadonlyMap<string, string> {
  const paths = ["src", "client"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) =>
      join(root, folder, file),
    ),
  );
  const texts = paths
    .filter((path) => path.endsWith(".ts"))
    .map((path): [string, string] => [path, readFileSync(path, "utf8")]);
  return new Map(texts.filter(([, text]) => text.match(IMPORT)));
}
