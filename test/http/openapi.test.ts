import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { createAdminApp } from "../../src/http/app.ts";
import { openApiDocument } from "../../src/http/openapi.ts";
import { openTestLog, testApp } from "./test-log.ts";

const Document = z.looseObject({
  openapi: z.string(),
  paths: z.record(
    z.string(),
    z.record(z.string(), z.looseObject({ summary: z.string(), responses: z.looseObject({}) })),
  ),
});
const document = Document.parse(openApiDocument());

/** "GET /entry/{index}" for a hono route "/entry/:index"; everything below /tile/ is one route in the code. */
function nameOf(method: string, path: string): string {
  const withoutParameters = path.replace(/^\/tile\/.*/, "/tile/…").replaceAll(/:(\w+)/g, "{$1}");
  return `${method.toUpperCase()} ${withoutParameters}`;
}

test("the document has exactly the routes the apps have", async () => {
  const log = await openTestLog();
  const metrics = { page: () => Promise.resolve({ contentType: "text/plain", body: "" }) };
  const served = [...testApp(log).routes, ...createAdminApp({ log, metrics }).routes];
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => nameOf(method, path)),
  );
  expect(new Set(described)).toEqual(new Set(served.map(({ method, path }) => nameOf(method, path))));
});

test("spec/openapi.json is what the code says", () => {
  const file = readFileSync(new URL("../../spec/openapi.json", import.meta.url), "utf8");
  expect(file).toBe(`${JSON.stringify(openApiDocument(), undefined, 2)}\n`);
});

test("it is served as it is", async () => {
  const response = await testApp(await openTestLog()).request("/openapi.json");
  expect(response.headers.get("Content-Type")).toBe("application/json");
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
});

test("every reference points to something, and every operation describes itself", () => {
  const text = JSON.stringify(document);
  const Root = z.looseObject({ components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }) });
  const { components } = Root.parse(document);
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    expect(Object.keys(components.schemas)).toContain(name);
  }
  expect(document.openapi).toBe("3.1.0");
  for (const operations of Object.values(document.paths)) {
    for (const operation of Object.values(operations)) expect(operation.summary.length).toBeGreaterThan(5);
  }
});
