import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");

interface Layer {
  /** Files of the layer: paths that start so. */
  readonly files: string;
  /** Files it may import, its own included: paths that start so. */
  readonly imports: readonly string[];
  /** Packages and built-ins it may import: names that start so. */
  readonly packages: readonly string[];
}

const PURE = ["src/merkle/", "src/errors.ts"];
const CORE = [...PURE, "src/tlog/", "src/crypto/ml-dsa.ts"];

/** Imports go down only. The first layer whose `files` fits decides. */
const LAYERS: readonly Layer[] = [
  { files: "src/errors.ts", imports: [], packages: [] },
  { files: "src/events.ts", imports: ["src/errors.ts"], packages: [] },
  { files: "src/crypto/", imports: ["src/crypto/", "src/errors.ts"], packages: ["@noble/"] },
  { files: "src/node/crypto.ts", imports: ["src/crypto/", "src/errors.ts"], packages: ["node:"] },
  { files: "src/merkle/", imports: PURE, packages: ["#crypto"] },
  { files: "src/tlog/", imports: CORE, packages: ["#crypto"] },
  { files: "client/build.ts", imports: [], packages: ["node:", "esbuild"] },
  { files: "explorer/build.ts", imports: [], packages: ["node:", "esbuild"] },
  { files: "explorer/", imports: ["explorer/", "client/"], packages: [] },
  { files: "src/build-", imports: ["src/build-"], packages: ["node:", "esbuild"] },
  { files: "client/", imports: ["client/", ...CORE], packages: ["#crypto"] },
  {
    files: "src/node/ml-dsa-worker.js",
    imports: [],
    packages: ["node:worker_threads", "@noble/post-quantum/"],
  },
  { files: "src/node/matcher-worker.js", imports: [], packages: ["node:worker_threads"] },
  {
    files: "src/node/http-probe.ts",
    imports: ["src/node/", "src/conformance/probe.ts", ...CORE],
    packages: ["node:"],
  },
  {
    files: "src/node/roster-file.ts",
    imports: ["src/node/", "src/witness/", "src/events.ts", "client/", ...CORE],
    packages: ["node:"],
  },
  {
    files: "src/node/monitor-files.ts",
    imports: ["src/node/", "src/monitor/", "client/", ...CORE],
    packages: ["#crypto", "node:"],
  },
  { files: "src/node/alert-sinks.ts", imports: ["src/node/", "src/monitor/", ...CORE], packages: ["node:"] },
  {
    files: "src/node/matcher-module.ts",
    imports: ["src/node/", "src/monitor/", ...CORE],
    packages: ["node:"],
  },
  { files: "src/node/", imports: ["src/node/", "client/", ...CORE], packages: ["#crypto", "node:"] },
  { files: "src/store/store.ts", imports: [...PURE, "src/tlog/entry-bundle.ts"], packages: [] },
  { files: "src/store/witness-store.ts", imports: ["src/store/store.ts", ...PURE], packages: [] },
  {
    files: "src/store/lmdb",
    imports: ["src/store/", "src/node/", ...CORE],
    packages: ["node:", "lmdb", "msgpackr"],
  },
  { files: "src/store/", imports: ["src/store/", "src/node/", ...CORE], packages: ["node:"] },
  { files: "src/keys/guard.ts", imports: PURE, packages: [] },
  { files: "src/keys/", imports: ["src/keys/", "src/node/", ...CORE], packages: ["#crypto", "node:"] },
  {
    files: "src/log/",
    imports: [
      "src/log/",
      "src/store/store.ts",
      "src/store/inner-nodes.ts",
      "src/keys/guard.ts",
      "src/events.ts",
      "client/",
      ...CORE,
    ],
    packages: [],
  },
  {
    files: "src/witness/",
    imports: [
      "src/witness/",
      "src/store/store.ts",
      "src/store/witness-store.ts",
      "src/keys/guard.ts",
      "src/events.ts",
      "client/",
      ...CORE,
    ],
    packages: ["#crypto"],
  },
  {
    files: "src/monitor/",
    imports: [
      "src/monitor/",
      "src/witness/compare-heads.ts",
      "src/witness/head-places.ts",
      "src/events.ts",
      "client/",
      ...CORE,
    ],
    packages: ["#crypto", "zod"],
  },
  {
    files: "src/archive/",
    imports: [
      "src/archive/",
      "src/log/own-keys.ts",
      "src/log/integrate.ts",
      "src/log/read-back.ts",
      "src/store/",
      "src/keys/guard.ts",
      "src/node/",
      "client/",
      ...CORE,
    ],
    packages: ["node:"],
  },
  { files: "src/conformance/", imports: ["src/conformance/", ...CORE], packages: ["#crypto", "zod"] },
  { files: "src/push/", imports: ["src/push/", "src/log/log.ts", ...CORE], packages: [] },
  {
    files: "src/webhooks/alert-webhook.ts",
    imports: ["src/webhooks/", "src/monitor/", ...CORE],
    packages: [],
  },
  {
    files: "src/webhooks/",
    imports: [
      "src/webhooks/",
      "src/push/",
      "src/log/log.ts",
      "src/node/",
      "src/events.ts",
      "client/",
      ...CORE,
    ],
    packages: ["node:", "zod"],
  },
  {
    files: "src/http/",
    imports: [
      "src/http/",
      "src/push/",
      "src/log/log.ts",
      "src/witness/witness.ts",
      "src/monitor/status.ts",
      "src/store/witness-store.ts",
      "src/events.ts",
      "src/node/",
      ...CORE,
    ],
    packages: ["#crypto", "node:", "hono", "@hono/", "zod"],
  },
  { files: "src/signals/write.ts", imports: ["src/signals/"], packages: ["node:"] },
  { files: "src/signals/", imports: ["src/signals/"], packages: [] },
  {
    files: "src/telemetry/",
    imports: [
      "src/telemetry/",
      "src/signals/",
      "src/events.ts",
      "src/errors.ts",
      "src/log/log.ts",
      "src/witness/witness.ts",
      "src/monitor/alert.ts",
      "src/monitor/status.ts",
      "src/http/request-log.ts",
      "src/http/request-tally.ts",
      "src/http/running-server.ts",
      "client/explain.ts",
      ...CORE,
    ],
    packages: ["node:", "pino", "prom-client", "@opentelemetry/api"],
  },
  {
    files: "src/open-disks.ts",
    imports: ["src/store/directory-lock.ts", "src/keys/", "src/errors.ts"],
    packages: ["node:"],
  },
  {
    files: "src/witness-server.ts",
    imports: [
      "src/open-disks.ts",
      "src/witness/",
      "src/store/",
      "src/keys/",
      "src/http/",
      "src/node/",
      "src/events.ts",
      ...CORE,
    ],
    packages: ["node:"],
  },
  {
    files: "src/scrub-log.ts",
    imports: [
      "src/fsck/scrub.ts",
      "src/log/log.ts",
      "src/log/withheld.ts",
      "src/store/store.ts",
      "src/events.ts",
      ...CORE,
    ],
    packages: [],
  },
  {
    files: "src/server.ts",
    imports: [
      "src/scrub-log.ts",
      "src/open-disks.ts",
      "src/witness-server.ts",
      "src/log/",
      "src/witness/",
      "src/store/",
      "src/keys/",
      "src/http/",
      "src/node/",
      "src/events.ts",
      "client/",
      ...CORE,
    ],
    packages: ["node:"],
  },
  {
    files: "src/readers/",
    imports: [
      "src/readers/",
      "src/http/",
      "src/log/added.ts",
      "src/log/log.ts",
      "src/log/view.ts",
      "src/log/withheld.ts",
      "src/store/lmdb.ts",
      "src/telemetry/held-lines.ts",
      "src/telemetry/line-writer.ts",
      "src/telemetry/log-level.ts",
      "src/telemetry/request-lines.ts",
      "src/node/",
      "src/events.ts",
      ...CORE,
    ],
    packages: ["node:"],
  },
  {
    files: "src/fsck/",
    imports: [
      "src/fsck/",
      "src/keys/guard.ts",
      "src/store/lmdb-audit.ts",
      "src/store/data-file-audit.ts",
      "src/events.ts",
      "src/store/leaf-index/",
      "src/node/",
      "client/",
      ...CORE,
    ],
    packages: ["node:"],
  },
  {
    files: "src/doctor/",
    imports: [
      "src/doctor/",
      "src/conformance/",
      "src/archive/manifest.ts",
      "src/fsck/",
      "src/log/own-keys.ts",
      "src/log/read-back.ts",
      "src/store/",
      "src/keys/",
      "src/http/tls.ts",
      "src/node/",
      "client/",
      ...CORE,
    ],
    packages: ["node:"],
  },
  {
    files: "src/drill/",
    imports: [
      "src/drill/",
      "src/server.ts",
      "src/archive/",
      "src/http/",
      "src/log/log.ts",
      "src/witness/",
      "src/store/",
      "src/keys/",
      "src/node/",
      "src/events.ts",
      "client/",
      ...CORE,
    ],
    packages: ["node:"],
  },
  { files: "src/setting", imports: ["src/setting", "src/telemetry/log-level.ts"], packages: [] },
  {
    files: "src/config",
    imports: ["src/errors.ts", "src/setting", "src/config-file.ts"],
    packages: ["node:"],
  },
  {
    files: "src/cli/",
    imports: [
      "src/cli/",
      "src/server.ts",
      "src/readers/",
      "src/fsck/",
      "src/doctor/",
      "src/drill/",
      "src/webhooks/",
      "src/archive/",
      "src/conformance/",
      "src/http/",
      "src/log/log.ts",
      "src/witness/",
      "src/monitor/",
      "src/store/directory-lock.ts",
      "src/store/witness-store.ts",
      "src/store/witness-lmdb.ts",
      "src/telemetry/",
      "src/config.ts",
      "src/setting",
      "src/keys/",
      "src/node/",
      "src/events.ts",
      "client/",
      ...CORE,
    ],
    packages: ["node:", "commander"],
  },
];

const FILES = [...sourcesUnder("src"), ...sourcesUnder("client"), ...sourcesUnder("explorer")];
const TEXTS = new Map(FILES.map((file) => [file, readFileSync(join(ROOT, file), "utf8")]));

describe("architecture", () => {
  it("finds the sources, and a layer for each", () => {
    expect(FILES.length).toBeGreaterThan(20);
    expect(FILES.filter((file) => layerOf(file) === undefined)).toEqual([]);
  });

  it("imports go down only", () => {
    const upward = FILES.flatMap((file) =>
      importsOf(file)
        .filter((imported) => !isAllowed(file, imported))
        .map((imported) => `${file} imports ${imported}`),
    );
    expect(upward).toEqual([]);
  });

  it("has no import cycle", () => {
    expect(FILES.flatMap((file) => cycleThrough(file))).toEqual([]);
  });

  it.each([
    ["plain errors", /\bnew Error\(/, "", []],
    ["the environment, outside config.ts", /\bprocess\.env\b/, "", ["src/config.ts"]],
    ["default exports and star exports", /^export (default|\*)/m, "", []],
    ["any", /(: any\b|\bas any\b|<any>|as unknown as)/, "", []],
    [
      "Buffer in the browser-safe code",
      /\bBuffer\b/,
      "src/merkle/ src/tlog/ src/crypto/ src/log/ client/",
      [],
    ],
    [
      "loose number parsing",
      /\b(parseInt|parseFloat|Number)\(/,
      "src/merkle/ src/tlog/ client/",
      ["src/tlog/encoding.ts"],
    ],
    ["the backing buffer of a view", /\.buffer\b/, "src/merkle/ src/log/ client/", []],
    ["a commit that blocks the event loop", /\btransactionSync\b|\bputSync\b/, "", []],
    ["readers that see what is not durable", /overlappingSync: true/, "", []],
  ])("has no %s", (_name, pattern, folders, except) => {
    const inside = FILES.filter(
      (file) => folders === "" || folders.split(" ").some((folder) => file.startsWith(folder)),
    );
    expect(inside.length).toBeGreaterThan(0);
    const found = inside.filter(
      (file) => !except.some((name) => name === file) && pattern.test(codeOf(file)),
    );
    expect(found).toEqual([]);
  });

  it("keeps every file under 300 lines", () => {
    const long = FILES.map((file) => [file, textOf(file).split("\n").length - 1] as const).filter(
      ([, lines]) => lines > 300,
    );
    expect(long).toEqual([]);
  });

  it("has no hooks in what test files share: loaded once in a process, it would register them for its first file only", () => {
    const shared = sourcesUnder("test").filter((file) => !/\.test\.ts$|^test\/no-isolation\.ts$/.test(file));
    const hooked = shared.filter((file) =>
      /^(before|after)(Each|All)\(/m.test(readFileSync(join(ROOT, file), "utf8")),
    );
    expect(hooked).toEqual([]);
  });
});

function sourcesUnder(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[jt]s$/.test(name) && !name.endsWith(".d.ts"))
    .map((name) => join(folder, name))
    .sort();
}

function textOf(file: string): string {
  return TEXTS.get(file) ?? "";
}

/** The text without comments, so that prose may name what code must not use. */
function codeOf(file: string): string {
  return textOf(file)
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "");
}

/** Relative imports as paths from the root; packages as they are written. */
function importsOf(file: string): readonly string[] {
  const specifiers = [...codeOf(file).matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)"([^"\s]+)"/g)].map(
    (match) => match[1] ?? "",
  );
  return specifiers.map((name) =>
    name.startsWith(".") ? relative(ROOT, resolve(ROOT, dirname(file), name)) : name,
  );
}

function layerOf(file: string): Layer | undefined {
  return LAYERS.find((layer) => file.startsWith(layer.files));
}

function isAllowed(file: string, imported: string): boolean {
  const layer = layerOf(file);
  if (layer === undefined) return false;
  const allowed = TEXTS.has(imported) ? layer.imports : layer.packages;
  return allowed.some((prefix) => imported.startsWith(prefix));
}

function cycleThrough(start: string): readonly string[] {
  const seen = new Set<string>();
  const visit = (file: string): boolean =>
    importsOf(file).some((next) => {
      if (next === start) return true;
      if (!TEXTS.has(next) || seen.has(next)) return false;
      seen.add(next);
      return visit(next);
    });
  return visit(start) ? [start] : [];
}
