import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseVerifierKey } from "../../src/tlog/key.ts";

const run = promisify(execFile);
const SOURCES = join(import.meta.dirname, "go");
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
let cases: readonly EvidenceCase[];

function hasGo(): boolean {
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const skipped = !hasGo();
if (skipped) process.stdout.write("fork evidence in Go: skipped, there is no go command here\n");

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-evidence-"));
  await run("go", ["build", "-o", join(folder, "evidence"), "./evidence"], { cwd: SOURCES });
  cases = JSON.parse(await readFile(VECTORS, "utf8")).cases;
});

afterAll(async () => {
  if (!skipped) await rm(folder, { recursive: true });
});

/** What the Go program says with the one key it takes; undefined when it does not convict. */
async function verdictOf({ evidence, logKeys: [vkey = ""] }: EvidenceCase): Promise<string | undefined> {
  const file = join(folder, "fork.tlog-evidence");
  await writeFile(file, evidence);
  const convicted = await run(join(folder, "evidence"), ["-log-key", vkey, file]).catch(() => undefined);
  return convicted?.stdout;
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
