import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { buildGoProgram, hasGo } from "./go-programs.ts";
import { run } from "./programs.ts";

const VECTORS = join(import.meta.dirname, "../../spec/vectors/fork-evidence.json");

interface EvidenceCase {
  readonly name: string;
  readonly evidence: string;
  readonly logKeys: readonly string[];
  readonly id?: string;
  readonly kind?: string;
  readonly error?: string;
}

let folder: string;
let program: string;
let cases: readonly EvidenceCase[];

const skipped = !hasGo("go");

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-evidence-"));
  program = await buildGoProgram("go", "./evidence");
  cases = JSON.parse(await readFile(VECTORS, "utf8")).cases;
});

afterAll(async () => {
  if (!skipped) await rm(folder, { recursive: true });
});

/** What the Go program says with the one key it takes; undefined when it does not convict. */
async function verdictOf({ evidence, logKeys: [vkey = ""] }: EvidenceCase): Promise<string | undefined> {
  const file = join(folder, "fork.tlog-evidence");
  await writeFile(file, evidence);
  const { code, stdout } = await run(program, ["-log-key", vkey, file]);
  return code === 0 ? stdout : undefined;
}

describe.skipIf(skipped)("a verifier that is golang.org/x/mod and a few lines", () => {
  it("convicts a log of everything x/mod has the signatures for", async () => {
    const good = cases.filter(
      ({ error, kind = "", logKeys }) =>
        error === undefined &&
        !kind.startsWith("witness") &&
        logKeys.map(parseVerifierKey).every(isKnownToGo),
    );
    const single = good.filter(({ logKeys }) => logKeys.length === 1);
    expect(new Set(single.map(({ kind }) => kind))).toEqual(
      new Set(["impossible", "same-size", "cross-size", "leaf"]),
    );
    for (const one of single) {
      expect(await verdictOf(one), one.name).toBe(`CONVICTED ${one.kind} example.com/log ${one.id}\n`);
    }
  });

  it("convicts nobody of what this log's vectors refuse", async () => {
    const bad = cases.filter(({ error }) => error !== undefined);
    expect(bad.length).toBeGreaterThan(30);
    for (const one of bad) expect(await verdictOf(one), one.name).toBeUndefined();
  });
});

function isKnownToGo({ type }: { readonly type: number }): boolean {
  return type === 1;
}
