import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { bundleClient } from "../../client/build.ts";
import { memoryCheckpoints } from "../../client/checkpoint-memory.ts";
import { parseCheckpoint, signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { decodeUtf8 } from "../../src/tlog/encoding.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { logKey } from "../tlog/key-changes.ts";
import { numbered, openFakeLog } from "./fake-log.ts";

/** Architecture, §3: "budget: 20 KiB gzipped with its dependencies, ML-DSA loaded apart on demand". */
const BUDGET_BYTES = 20 * 1024;

describe("the client as one file for browsers", () => {
  let built: Awaited<ReturnType<typeof bundleClient>>;
  beforeAll(async () => {
    built = await bundleClient({ format: "esm" });
  });

  test("stays within its budget", () => {
    const gzippedBytes = gzipSync(built.client, { level: 9 }).length;
    console.log(`client bundle: ${built.client.length} bytes, ${gzippedBytes} gzipped of ${BUDGET_BYTES}`);
    expect(gzippedBytes).toBeLessThanOrEqual(BUDGET_BYTES);
  });

  test("contains the default crypto, @noble, its own code and nothing else", () => {
    const roots = new Set(
      built.inputs.map((path) => /^(client|src|node_modules\/@[^/]+\/[^/]+|.*)/.exec(path)?.[1]),
    );
    expect([...roots].sort()).toEqual(["client", "node_modules/@noble/ed25519", "src"]);
    expect(built.inputs).toContain("src/crypto/default.ts");
    expect(built.inputs.filter((path) => path.startsWith("src/node/"))).toEqual([]);
  });

  test("reads a log with a second key, though key-ring.js is not beside it; and fails as without following where it would be needed", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const second = await logKey(12, { name: log.origin });
    let signers = [log.signer, second.signer];
    const head = parseCheckpoint(decodeUtf8(parseNote(await log.publish()).text));
    const signed = async () => new Response(Uint8Array.from(await signCheckpoint(head, signers)));
    log.intercept = (path) => (path === "checkpoint" ? signed() : undefined);
    const folder = await mkdtemp(join(tmpdir(), "bristlecone-page-"));
    try {
      await writeFile(join(folder, "client.js"), built.client);
      const { openLogClient }: typeof import("../../client/index.ts") = await import(
        pathToFileURL(join(folder, "client.js")).href
      );
      const { url, vkey, fetch } = log;
      expect((await openLogClient({ url, vkey, fetch }).checkpoint()).treeSize).toBe(3);
      signers = [second.signer];
      await expect(openLogClient({ url, vkey, fetch }).checkpoint()).rejects.toMatchObject({
        code: "SIGNATURE_MISSING",
        message: "no known key signed the note",
      });
      const checkpoints = memoryCheckpoints();
      await checkpoints.save(`${log.origin}\n`, Uint8Array.of(1), undefined);
      signers = [log.signer];
      await expect(openLogClient({ url, vkey, fetch, checkpoints }).checkpoint()).rejects.toThrow(/key-ring/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("leaves ML-DSA, evidence and following to files of their own, imported on demand only", () => {
    const onDemand = (text: string) => new Set(text.match(/\bimport\s*\(\s*["'][^"']+["']\s*\)/g));
    const apart = ["ml-dsa", "evidence", "tail", "key-ring"].map((name) => `import("./${name}.js")`);
    expect(onDemand(built.client)).toEqual(new Set(apart));
    expect(onDemand(built.evidence)).toEqual(new Set(['import("./ml-dsa.js")']));
    expect(onDemand(built.tail)).toEqual(new Set());
    expect(onDemand(built.keyRing)).toEqual(new Set(['import("./ml-dsa.js")']));
    expect(built.client).not.toContain("bristlecone key change v1\nlog");
    for (const text of [built.client, built.evidence, built.tail, built.keyRing])
      expect(text).not.toMatch(/\bimport(?!Key\b)\s*[\w{*"']/);
    expect(built.client).not.toContain("tlog-evidence@v1");
    expect(built.client).not.toContain("text/event-stream");
    expect(built.mlDsa).toMatch(/\bml_dsa44\b/);
  });
});
