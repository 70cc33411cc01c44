/**
 * `npm run vectors` writes spec/vectors; `npm run vectors -- --check` only compares, and exits 1 on any difference.
 * It never deletes.
 * Nothing here or below imports the code under test.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { makeVectorFiles } from "./vectors/classes.ts";

const FOLDER = new URL("../../spec/vectors/", import.meta.url);

const isCheck = process.argv.includes("--check");
const wanted = await makeVectorFiles();
const present = (await readdir(FOLDER)).filter((name) => name.endsWith(".json"));
const differing: string[] = [];

for (const [name, text] of wanted) {
  const file = new URL(name, FOLDER);
  if (present.includes(name) && (await readFile(file, "utf8")) === text) continue;
  differing.push(name);
  if (!isCheck) await writeFile(file, text);
}
// A file no class makes is reported and left alone: it may be somebody's work whose class is not listed yet.
const unmade = present.filter((name) => !wanted.has(name));
if (unmade.length > 0) console.log(`made by no class: ${unmade.join(" ")}`);

const verb = isCheck ? "differ" : "written";
console.log(
  `${fileURLToPath(FOLDER)}: ${wanted.size} files, ${differing.length} ${verb} ${differing.join(" ")}`,
);
if (isCheck && differing.length + unmade.length > 0) process.exitCode = 1;
