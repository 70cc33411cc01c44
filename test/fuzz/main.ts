/**
 * Fuzzes all that takes bytes of strangers, guided by the branches it takes:
 *
 *     npm run fuzz -- [SECONDS] [--seed N] [--check] [TARGET…]
 *
 * What reaches something new is kept in `test/fuzz/corpus`, which `npm test` runs; --check leaves it as it is. What falls is written to `dist/fuzz-faults`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildFuzzer } from "./build.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const DEFAULT_SECONDS = "60";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    check: { type: "boolean", default: false },
  },
});
const hasSeconds = /^\d+$/.test(positionals[0] ?? "");
const seconds = hasSeconds ? (positionals[0] ?? "") : DEFAULT_SECONDS;
const targets = hasSeconds ? positionals.slice(1) : positionals;
console.log(`seed ${values.seed}`);
mkdirSync(join(ROOT, "dist"), { recursive: true });
const outdir = mkdtempSync(join(ROOT, "dist/fuzz-"));
try {
  const program = await buildFuzzer(outdir);
  const child = spawn(
    process.execPath,
    [
      "--enable-source-maps",
      program,
      ROOT,
      seconds,
      values.seed,
      values.check ? "check" : "keep",
      ...targets,
    ],
    {
      cwd: ROOT,
      stdio: "inherit",
    },
  );
  // Ctrl-C reaches the child too; what it built is to go either way.
  process.on("SIGINT", () => {});
  const [code, signal] = await once(child, "exit");
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
