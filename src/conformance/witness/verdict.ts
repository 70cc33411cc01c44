/** From a case and what came to its result. */
import type { TlogError } from "../../errors.ts";
import { decodeUtf8 } from "../../tlog/encoding.ts";
import { oneLine } from "../answer.ts";
import { InapplicableError } from "../inapplicable.ts";
import type { ProbeAnswer } from "../probe.ts";
import type { CaseResult, Requirement, Verdict } from "../result.ts";
import type { WitnessCase, WitnessExpectation } from "./cases.ts";
import { CHECK_FUNCTIONS, type JudgedAnswer, mediaTypeOf } from "./checks.ts";

/** No more of a body is shown. */
const MAX_BODY_BYTES = 200;

/** A whole result. @param judged - or why there is no answer. */
export async function judgeCase(
  case_: WitnessCase,
  judged: JudgedAnswer | TlogError,
  expectedBody: string | undefined,
): Promise<CaseResult> {
  const got = "answer" in judged ? describeAnswer(judged.answer) : `no answer: ${judged.code}`;
  const { expect } = case_;
  if (expect === undefined) return resultOf(case_, { got, verdict: "open", note: case_.open });
  let unmet: readonly string[];
  try {
    unmet = await complaints(expect, judged, expectedBody);
  } catch (error) {
    if (error instanceof InapplicableError) return notRun(case_, error.reason);
    throw error;
  }
  if (unmet.length === 0) return resultOf(case_, { got, verdict: "pass" });
  const isOtherRefusal = expect.otherRefusal === "warn" && isRefusal(judged);
  const verdict = case_.level === "MUST" && !isOtherRefusal ? "fail" : "warn";
  const note = isOtherRefusal ? `refused, but not as ${expect.status.join(" or ")}` : unmet.join("; ");
  return resultOf(case_, {
    got,
    verdict,
    note: [note, case_.note].filter((one) => one !== undefined).join(". "),
  });
}

export function notRun(case_: WitnessCase, reason: string): CaseResult {
  return resultOf(case_, { got: "", verdict: "not-run", note: reason });
}

function resultOf(
  case_: WitnessCase,
  {
    got,
    verdict,
    note = case_.note,
  }: { readonly got: string; readonly verdict: Verdict; readonly note?: string | undefined },
): CaseResult {
  const { name, requirement, level, document, section } = case_;
  const where: Requirement = { name, requirement, level, document, section };
  return {
    ...where,
    expected: describeExpectation(case_),
    got,
    verdict,
    ...(note === undefined ? {} : { note }),
  };
}

async function complaints(
  expect: WitnessExpectation,
  judged: JudgedAnswer | TlogError,
  expectedBody: string | undefined,
): Promise<readonly string[]> {
  if (!("answer" in judged)) {
    return expect.closed === "met" && judged.code === "REMOTE_UNREACHABLE" ? [] : [judged.message];
  }
  const { answer } = judged;
  if (judged.isFirstRun && expect.later?.includes(answer.status))
    throw new InapplicableError(
      `${answer.status} is right until it is shown, which may take an hour: run it again`,
    );
  if (!expect.status.includes(answer.status)) return [`status ${answer.status}`];
  // The checks are about the good answer, where another is allowed beside it.
  const found: string[] = [];
  const type = answer.headers.get("content-type");
  if (expect.contentType !== undefined && mediaTypeOf(answer) !== expect.contentType)
    found.push(`Content-Type ${type ?? "missing"}`);
  if (expectedBody !== undefined && textOf(answer.body) !== expectedBody) found.push("another body");
  for (const name of expect.checks ?? []) {
    const complaint = await CHECK_FUNCTIONS[name](judged);
    if (complaint !== undefined) found.push(complaint);
  }
  return found;
}

function isRefusal(judged: JudgedAnswer | TlogError): boolean {
  if (!("answer" in judged)) return judged.code === "REMOTE_UNREACHABLE";
  return judged.answer.status >= 400;
}

/** '409, text/x.tlog.size, "7\n"' */
export function describeAnswer({ status, headers, body }: ProbeAnswer): string {
  const type = headers.get("content-type");
  const parts = [`${status}`, ...(type === undefined ? [] : [type])];
  if (body.length > 0) parts.push(JSON.stringify(textOf(body.subarray(0, MAX_BODY_BYTES))));
  return oneLine(parts.join(", "));
}

function describeExpectation({ expect }: WitnessCase): string {
  if (expect === undefined) return "";
  const parts = [expect.status.join(" or ")];
  if (expect.contentType !== undefined) parts.push(expect.contentType);
  if (expect.body !== undefined) parts.push(JSON.stringify(expect.body));
  if (expect.closed !== undefined) parts.push("or a closed connection");
  return [...parts, ...(expect.checks ?? [])].join(", ");
}

function textOf(body: Uint8Array): string {
  try {
    return decodeUtf8(body);
  } catch {
    return Array.from(body, (byte) => String.fromCharCode(byte)).join("");
  }
}
