/** What the tester found out about each program, as it is kept in spec/conformance-matrix.json. */
import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";

const SPEC = new URL("../../../spec/", import.meta.url);
const RECORD = new URL("conformance-matrix.json", SPEC);

const VERDICT = z.enum(["pass", "fail", "warn", "open", "not-run"]);

const RESULT = z.strictObject({
  verdict: VERDICT,
  /** What came, where it is not plainly right. */
  got: z.string().optional(),
  /** Why it was not run. */
  note: z.string().optional(),
});

const SUBJECT = z.strictObject({
  kind: z.enum(["witness", "log"]),
  name: z.string(),
  version: z.string(),
  /** As in "2026-11-21". */
  testedOn: z.string(),
  /** With the words URL and VKEY where each run has its own. */
  command: z.string(),
  /** What a reader has to know of how it was run. */
  note: z.string().optional(),
  results: z.record(z.string(), RESULT),
});

export type RecordedResult = z.infer<typeof RESULT>;
export type RecordedSubject = z.infer<typeof SUBJECT>;
export type Kind = RecordedSubject["kind"];

/** A row of the matrix: a case as its file has it. */
const CASE = z.object({
  name: z.string(),
  requirement: z.string(),
  level: z.string(),
  document: z.string(),
  section: z.string(),
});
export type MatrixCase = z.infer<typeof CASE>;

/** In the order in which the matrix shows them; none when there is no record yet. */
export async function readRecord(): Promise<readonly RecordedSubject[]> {
  const text = await readFile(RECORD, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "[]";
    throw error;
  });
  return z.array(SUBJECT).parse(JSON.parse(text));
}

export async function writeRecord(subjects: readonly RecordedSubject[], page: string): Promise<void> {
  await writeFile(RECORD, `${JSON.stringify(subjects, null, 1)}\n`);
  await writeFile(new URL("conformance-matrix.md", SPEC), page);
}

export async function readPage(): Promise<string> {
  return await readFile(new URL("conformance-matrix.md", SPEC), "utf8");
}

export async function readCases(kind: Kind): Promise<readonly MatrixCase[]> {
  const text = await readFile(new URL(`vectors/conformance-${kind}.json`, SPEC), "utf8");
  return z.object({ cases: z.array(CASE) }).parse(JSON.parse(text)).cases;
}

/** What is new put in place of what was known of the same program; what was not tested now stays. */
export function mergeRecord(
  before: readonly RecordedSubject[],
  now: readonly RecordedSubject[],
  order: readonly string[],
): readonly RecordedSubject[] {
  const byName = new Map([...before, ...now].map((subject) => [`${subject.kind} ${subject.name}`, subject]));
  const place = ({ kind, name }: RecordedSubject) => {
    const index = order.indexOf(`${kind} ${name}`);
    return index === -1 ? order.length : index;
  };
  return [...byName.values()].sort((left, right) => place(left) - place(right));
}

/** Where two runs of the same program differ, a line each. */
export function differences(recorded: RecordedSubject, now: RecordedSubject): readonly string[] {
  const names = new Set([...Object.keys(recorded.results), ...Object.keys(now.results)]);
  const lines: string[] = [];
  for (const name of names) {
    const before = recorded.results[name]?.verdict ?? "absent";
    const { verdict: after = "absent", got = "" } = now.results[name] ?? {};
    if (before !== after) lines.push(`${name}: ${before}, now ${after} ${got}`.trimEnd());
  }
  return lines;
}
