/**
 * Checks copies of a data directory, each with one bit flipped, in this process, which may die of one: `flip-child.ts DIRECTORY SCRATCH`.
 * Lines in: the number of a bit. Lines out: what came of it, as JSON.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { TlogError } from "../../src/errors.ts";
import { checkLog } from "../../src/fsck/check-log.ts";
import { openInlineCrew } from "../../src/fsck/inline-crew.ts";
import { dump } from "../fsck/dump.ts";

const [sound = "", scratch = ""] = process.argv.slice(2);
const bytes = readFileSync(join(sound, "data.mdb"));
const wanted = await dump(sound);

for await (const line of createInterface({ input: process.stdin })) {
  const outcome = await outcomeOf(Number(line));
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

async function outcomeOf(place: number): Promise<readonly [number, string, string]> {
  const directory = join(scratch, `bit-${place}`);
  mkdirSync(directory, { recursive: true });
  cpSync(join(sound, "leaf-index"), join(directory, "leaf-index"), { recursive: true });
  const changed = Buffer.from(bytes);
  const at = Math.floor(place / 8);
  changed[at] = (changed[at] ?? 0) ^ (1 << (place % 8));
  writeFileSync(join(directory, "data.mdb"), changed);
  try {
    return [place, ...(await checked(directory))];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function checked(directory: string): Promise<readonly [string, string]> {
  const crew = openInlineCrew({ kind: "store", directory });
  try {
    const { findings } = await checkLog({ crew, copy: "this", maxFindings: 3 });
    const [first] = findings;
    if (first !== undefined) return ["named", `${first.kind}: ${first.where}: ${first.detail}`];
    return (await dump(directory)) === wanted ? ["unused", ""] : ["MISSED", ""];
  } catch (error) {
    return error instanceof TlogError
      ? ["refused", `${error.code} ${error.message}`]
      : ["MISSED", String(error)];
  } finally {
    await crew.close().catch(() => {});
  }
}
