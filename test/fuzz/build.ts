import { readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { instrumented } from "./instrument.ts";
import { COUNTERS } from "./instrument-name.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** More than the sources have. */
const MAX_COUNTERS = 65_536;

/** What the fuzzer reads beside its program. */
export interface Facts {
  readonly counters: number;
  readonly words: readonly string[];
}

/** Bundles the fuzzer with instrumented sources. @returns the program's path. */
export async function buildFuzzer(outdir: string): Promise<string> {
  const facts = { counters: 0, words: new Set<string>() }; // owned by the plugin
  await build({
    absWorkingDir: ROOT,
    entryPoints: ["test/fuzz/fuzz.ts"],
    outdir,
    entryNames: "fuzz",
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["bristlecone-source"],
    external: ["lmdb", "vitest"],
    banner: {
      js: [
        'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
        `globalThis.${COUNTERS} = new Uint8Array(${MAX_COUNTERS}); const ${COUNTERS} = globalThis.${COUNTERS};`,
      ].join("\n"),
    },
    plugins: [instrumentation(facts)],
    logLevel: "warning",
  });
  const { counters, words } = facts;
  await writeFile(
    join(outdir, "facts.json"),
    JSON.stringify({ counters, words: [...words] } satisfies Facts),
  );
  return join(outdir, "fuzz.js");
}

/** Only what may meet bytes of strangers: what runs beside it would be counted by timers. */
function instrumentation(facts: { counters: number; readonly words: Set<string> }): Plugin {
  return {
    name: "fuzz-counters",
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const file = relative(ROOT, path);
        if (!/^(src|client)\//.test(file)) return undefined;
        const source = await readFile(path, "utf8");
        const made = instrumented(source, path, facts.counters);
        facts.counters += made.counters;
        if (facts.counters > MAX_COUNTERS)
          throw new TypeError(`want at most ${MAX_COUNTERS} branches, got more`);
        for (const word of made.words) if (word.length > 0 && word.length <= 64) facts.words.add(word);
        return { contents: made.code, loader: "js" };
      });
    },
  };
}
