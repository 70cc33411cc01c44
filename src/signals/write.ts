/** Writes dashboards, alert rules and runbooks from the tables; with --check, compares instead and exits 1 when a file differs, or is one too many. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { signalFiles } from "./files.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** Folders that hold nothing else. */
const OWN = ["deploy/runbooks", "deploy/grafana"];

const files = signalFiles();
const stray = OWN.flatMap((folder) => namesIn(folder).map((name) => `${folder}/${name}`)).filter(
  (path) => !files.has(path),
);

if (process.argv.includes("--check")) {
  const wrong = [...files].flatMap(([path, text]) => (textOf(path) === text ? [] : [path]));
  for (const path of [...wrong, ...stray])
    process.stderr.write(`${path} is not what the tables say: run npm run signals\n`);
  if (wrong.length + stray.length > 0) process.exitCode = 1;
} else {
  for (const [path, text] of files) {
    mkdirSync(join(ROOT, dirname(path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
  }
  for (const path of stray) rmSync(join(ROOT, path));
}

function namesIn(folder: string): readonly string[] {
  return existsSync(join(ROOT, folder)) ? readdirSync(join(ROOT, folder)) : [];
}

function textOf(path: string): string | undefined {
  return existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), "utf8") : undefined;
}
