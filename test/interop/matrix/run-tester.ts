/** The command of this project, run against a program as anybody would run it. */
import { join, resolve } from "node:path";
import { z } from "zod";
import { run } from "../programs.ts";
import type { Kind, RecordedResult } from "./record.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const LINE = z.object({
  name: z.string(),
  verdict: z.enum(["pass", "fail", "warn", "open", "not-run"]),
  got: z.string(),
  note: z.string().optional(),
});
/** A body, which may hold signatures: no two runs have the same. */
const LONG_TEXT = /"[^"]{40,}(?:"|$)/g;
/** Faster than the default: these programs are ours to trouble. */
const RATE = 200;

/** @returns each case's result, by name. @throws when the command ends otherwise than with results */
export async function runTester(
  kind: Kind,
  url: string,
  args: readonly string[],
): Promise<Readonly<Record<string, RecordedResult>>> {
  // In the one process that is killed when it takes too long: tsx itself starts another.
  const command = [
    "--import=tsx",
    "--conditions=bristlecone-source",
    join(ROOT, "src/cli/main.ts"),
    "conformance",
    kind,
    url,
  ];
  const { code, stdout, stderr } = await run(
    process.execPath,
    [...command, ...args, `--rate=${RATE}`, "--json"],
    { timeoutMs: 900_000 },
  );
  const results = stdout
    .split("\n")
    .filter((line) => line.includes('"verdict"'))
    .map((line) => LINE.parse(JSON.parse(line)));
  // 0: as it should be; 1: something is not; 3: not all could be run.
  if (results.length === 0 || ![0, 1, 3].includes(code)) {
    throw new Error(`the tester ended with ${code} and ${results.length} results\n${stderr}`);
  }
  return Object.fromEntries(results.map(({ name, ...result }) => [name, kept(result)]));
}

function kept({ verdict, got, note }: Omit<z.infer<typeof LINE>, "name">): RecordedResult {
  if (verdict === "pass") return { verdict };
  if (verdict === "not-run") return { verdict, ...(note !== undefined && { note }) };
  return { verdict, got: got.replaceAll(LONG_TEXT, '"…"') };
}
