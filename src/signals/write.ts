/**
 * Writes dashboards, alert rules and runbooks from the tables.
 *
 *     npm run signals                                              the committed files
 *     npm run signals -- --check                                   exits 1 when one of them differs, or is one too many
 *     npm run signals -- --runbook-base URL --out FOLDER           a copy whose alerts link to URL/NAME.md
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { signalFiles } from "./files.ts";
import { RUNBOOKS } from "./prometheus.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** Folders that hold nothing else. */
const OWN = [RUNBOOKS, "deploy/grafana"];

const { values } = parseArgs({
  options: { check: { type: "boolean" }, "runbook-base": { type: "string" }, out: { type: "string" } },
});
const { check, "runbook-base": base, out } = values;

if (base === undefined && out === undefined) writeOwn(signalFiles(), check === true);
else if (out === undefined || base === undefined || check === true || !/^https?:\/\/[^\s"]+$/.test(base)) {
  process.stderr.write("want --runbook-base http(s)://… and --out FOLDER together, without --check\n");
  process.exitCode = 2;
} else {
  for (const [path, text] of signalFiles({ runbookBase: base.replace(/\/+$/, "") }))
    write(resolve(out), path, text);
}

function writeOwn(files: ReadonlyMap<string, string>, isChecked: boolean): void {
  const stray = OWN.flatMap((folder) => namesIn(folder).map((name) => `${folder}/${name}`)).filter(
    (path) => !files.has(path),
  );
  if (!isChecked) {
    for (const [path, text] of files) write(ROOT, path, text);
    for (const path of stray) rmSync(join(ROOT, path));
    return;
  }
  const wrong = [...files].flatMap(([path, text]) => (textOf(path) === text ? [] : [path]));
  for (const path of [...wrong, ...stray])
    process.stderr.write(`${path} is not what the tables say: run npm run signals\n`);
  if (wrong.length + stray.length > 0) process.exitCode = 1;
}

function write(root: string, path: string, text: string): void {
  mkdirSync(join(root, dirname(path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function namesIn(folder: string): readonly string[] {
  return existsSync(join(ROOT, folder)) ? readdirSync(join(ROOT, folder)) : [];
}

function textOf(path: string): string | undefined {
  return existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), "utf8") : undefined;
}
