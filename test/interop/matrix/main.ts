/** `npm run matrix`: tests every program that is there, and writes what it found. `npm run matrix -- NAME…` only those, and the
 * slow ones only so or with BRISTLECONE_INTEROP=full. */
import { isFull, lacks } from "../programs.ts";
import { newRunFolder, runVariables, startRun } from "../run-folder.ts";
import {
  type Kind,
  mergeRecord,
  type RecordedSubject,
  readCases,
  readRecord,
  writeRecord,
} from "./record.ts";
import { renderMatrix } from "./render.ts";
import { SUBJECTS, testSubject } from "./subjects.ts";

const folder = newRunFolder();
const endRun = await startRun(folder);
Object.assign(process.env, runVariables(folder));
const wanted = process.argv.slice(2);
const now: RecordedSubject[] = [];
for (const subject of SUBJECTS) {
  const label = `${subject.kind} ${subject.name}`;
  const isWanted = wanted.length === 0 ? isFull || subject.isSlow !== true : wanted.includes(subject.name);
  if (!isWanted) continue;
  // Says so itself.
  if (lacks(...subject.programs)) continue;
  const tested = await testSubject(subject);
  const counts = (["pass", "fail", "warn", "open", "not-run"] as const).map(
    (verdict) =>
      `${Object.values(tested.results).filter((result) => result.verdict === verdict).length} ${verdict}`,
  );
  console.log(`${label} ${tested.version}: ${counts.join(", ")}`);
  now.push(tested);
}
const order = SUBJECTS.map(({ kind, name }) => `${kind} ${name}`);
const subjects = mergeRecord(await readRecord(), now, order);
const cases: Record<Kind, Awaited<ReturnType<typeof readCases>>> = {
  witness: await readCases("witness"),
  log: await readCases("log"),
};
await writeRecord(subjects, renderMatrix(subjects, cases));
await endRun();
