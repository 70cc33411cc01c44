/** Writes spec/openapi.json and spec/openapi-witness.json from the code; with --check, compares instead and exits 1 when they differ. */
import { readFileSync, writeFileSync } from "node:fs";
import { openApiDocument } from "./openapi.ts";
import { witnessOpenApiDocument } from "./witness-openapi.ts";

const DOCUMENTS = { openapi: openApiDocument, "openapi-witness": witnessOpenApiDocument };

for (const [name, makeDocument] of Object.entries(DOCUMENTS)) {
  const path = new URL(`../../spec/${name}.json`, import.meta.url);
  const document = `${JSON.stringify(makeDocument(), undefined, 2)}\n`;
  if (!process.argv.includes("--check")) {
    writeFileSync(path, document);
  } else if (readFileSync(path, "utf8") !== document) {
    process.stderr.write(`spec/${name}.json is not what the code says: run npm run openapi\n`);
    process.exitCode = 1;
  }
}
