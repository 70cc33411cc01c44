/** spec/conformance-matrix.md, made of the record. */
import type { Kind, MatrixCase, RecordedResult, RecordedSubject } from "./record.ts";

const MARKS = { pass: "✓", fail: "✗", warn: "~", open: "○", "not-run": "–" } as const;
const TITLES = { witness: "Witnesses", log: "Logs" } as const;
const KINDS = ["witness", "log"] as const;

/** @param cases - of each kind, in the order of their files. */
export function renderMatrix(
  subjects: readonly RecordedSubject[],
  cases: Readonly<Record<Kind, readonly MatrixCase[]>>,
): string {
  return [
    HEAD,
    ...KINDS.flatMap((kind) =>
      renderKind(
        kind,
        subjects.filter((subject) => subject.kind === kind),
        cases[kind],
      ),
    ),
  ].join("\n");
}

const HEAD = `# Who does what the documents say

Made by \`npm run matrix\`, which starts every program that is installed, runs \`bristlecone conformance\` against it, and keeps what it
found in \`conformance-matrix.json\`. A program that is not there keeps its last result, with its date. Do not edit this page by hand.
\`npm run test:interop\` runs the same again and fails where a program of the recorded version does otherwise than recorded, or where
Bristlecone has a ✗.

✓ as the document says · ✗ a MUST is not met · ~ a SHOULD is not met, or what other programs rely on · ○ the document does not say; what
came is shown · – not run · (empty) a case that is newer than the result. The cases are \`vectors/conformance-witness.json\` and
\`vectors/conformance-log.json\`; \`conformance.md\` says how to read and run them.
`;

function renderKind(
  kind: Kind,
  subjects: readonly RecordedSubject[],
  cases: readonly MatrixCase[],
): readonly string[] {
  return [
    `## ${TITLES[kind]}`,
    "",
    table(["program", "version", "tested on", "✓", "✗", "~", "○", "–", "command"], subjects.map(summaryRow)),
    "",
    ...subjects.flatMap(({ name, note }) => (note === undefined ? [] : [`- ${name} ${note}.`])),
    "",
    table(
      ["case", "level", "section", ...subjects.map(({ name }) => name)],
      cases.map((one) => [
        one.name,
        one.level,
        `${one.document.replace("c2sp.org/", "")}, ${one.section}`,
        ...subjects.map(({ results }) => cell(results[one.name])),
      ]),
    ),
    "",
    `### What ${kind === "witness" ? "witnesses" : "logs"} do otherwise`,
    "",
    table(
      ["program", "case", "requirement", "got"],
      subjects.flatMap((subject) => faultRows(subject, cases)),
    ),
    "",
  ];
}

function summaryRow({ name, version, testedOn, command, results }: RecordedSubject): readonly string[] {
  const counts = (["pass", "fail", "warn", "open", "not-run"] as const).map((verdict) =>
    String(Object.values(results).filter((result) => result.verdict === verdict).length),
  );
  return [name, version, testedOn, ...counts, `\`${command}\``];
}

function cell(result: RecordedResult | undefined): string {
  if (result === undefined) return "";
  const mark = MARKS[result.verdict];
  return result.got === undefined || result.verdict === "pass" ? mark : `${mark} ${shortened(result.got)}`;
}

/** The status and little more: the whole stands below. */
function shortened(got: string): string {
  const [first = ""] = got.split(",", 1);
  return first.length <= 16 ? first : `${first.slice(0, 15)}…`;
}

function faultRows(
  { name, results }: RecordedSubject,
  cases: readonly MatrixCase[],
): readonly (readonly string[])[] {
  return cases.flatMap((one) => {
    const result = results[one.name];
    if (result?.verdict !== "fail" && result?.verdict !== "warn") return [];
    return [[name, `${MARKS[result.verdict]} ${one.name}`, one.requirement, result.got ?? ""]];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.map(escaped).join(" | ")} |`).join("\n");
}

/** Answers of other programs stand in some cells. */
function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
