/** Builds `bristlecone serve` with its ports wrapped: the command as people run it, but for the modules in this folder. */
import { dirname, join, relative, resolve } from "node:path";
import type { Plugin } from "esbuild";
import { buildPrograms } from "../../../src/build-program.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const HERE = "test/crash/server";

/** Which file of this folder takes the place of which module; `in`: only where that file imports it. */
const WRAPPED: readonly { readonly module: string; readonly by: string; readonly in?: string }[] = [
  { module: "src/store/lmdb.ts", by: "lmdb.ts" },
  { module: "src/store/lmdb-environment.ts", by: "lmdb-environment.ts", in: "src/store/lmdb-opening.ts" },
  { module: "src/store/leaf-index/open-leaf-index.ts", by: "leaf-index.ts" },
  { module: "src/keys/guard-file.ts", by: "guard-file.ts" },
  { module: "src/tlog/key.ts", by: "key.ts", in: "src/cli/serve-key.ts" },
  { module: "src/cli/local-witnesses.ts", by: "local-witnesses.ts" },
  { module: "src/store/witness-lmdb.ts", by: "witness-lmdb.ts" },
  { module: "src/telemetry/log-lines.ts", by: "log-lines.ts" },
];

const wrapPorts: Plugin = {
  name: "wrap-ports",
  setup(build) {
    build.onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, importer }) => {
      const from = relative(ROOT, importer);
      if (from.startsWith(HERE)) return undefined;
      const module = relative(ROOT, resolve(dirname(importer), path));
      const found = WRAPPED.find((row) => row.module === module && (row.in ?? from) === from);
      return found === undefined ? undefined : { path: join(ROOT, HERE, found.by) };
    });
  },
};

/** @param outdir - inside the package. @returns the path of the program. */
export async function buildCrashingServer(outdir: string): Promise<string> {
  const { inputs } = await buildPrograms(outdir, { plugins: [wrapPorts] });
  const missed = WRAPPED.filter(({ by }) => !inputs.includes(`${HERE}/${by}`));
  if (missed.length > 0) throw new Error(`nobody imports ${missed.map(({ module }) => module).join(", ")}`);
  return join(outdir, "main.js");
}
