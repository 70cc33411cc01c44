/** Writes spec/openapi.json from the code; with --check, compares instead and exits 1 when they differ. */
import { readFileSync, writeFileSync } from "node:fs";
import { openApiDocument } from "./openapi.ts";

const path = new URL("../../spec/openapi.json", import.meta.url);
const document = `${JSON.stringify(openApiDocument(), undefined, 2)}\n`;

if (!process.argv.includes("--check")) {
  writeFileSync(path, document);
} else if (readFileSync(path, "utf8") !== document) {
  process.stderr.write("spec/openapi.json is not what the code says: run npm run openapi\n");
  process.exitCode = 1;
}
