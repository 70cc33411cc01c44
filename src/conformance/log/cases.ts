/** The cases of `bristlecone conformance log`: spec/vectors/conformance-log.json, which says itself what its words mean. */
import { z } from "zod";
import { TlogError } from "../../errors.ts";
import { assertPlaces } from "./places.ts";

/** What is computed from several answers, or from what is in one; the file's `checks` say what each is. */
export const LOG_CHECKS = [
  "note-text",
  "note-newline",
  "note-lines",
  "note-base64",
  "note-count",
  "checkpoint-lines",
  "origin-form",
  "checkpoint-size",
  "checkpoint-root",
  "checkpoint-extensions",
  "empty-root",
  "signed-by-key",
  "signed-ed25519",
  "origin-is-prefix",
  "key-name",
  "signature-types",
  "head-like-get",
  "not-modified",
  "vary-when-negotiated",
  "later",
  "consistent",
  "older-partials",
  "edge-served",
  "edge-root",
  "full-served",
  "full-hashes",
  "first-full",
  "partial-of-full",
  "bundle-exact",
  "bundle-leaves",
  "gzip-same",
  "bundle-compressed",
  "encoded-as-said",
  "error-body",
  "add-index",
  "add-served",
  "add-growth",
  "add-consistent",
  "add-duplicate",
  "add-empty",
  "add-largest",
  "add-too-large",
  "push-back",
] as const;
export type LogCheck = (typeof LOG_CHECKS)[number];

const MAX_TEXT_CHARS = 1024 * 1024;
const text = z.string().min(1).max(1000);

const Ask = z.strictObject({
  method: z.enum(["GET", "HEAD", "POST", "OPTIONS"]).default("GET"),
  path: z.string().regex(/^[!-~]{1,400}$/),
  headers: z.record(z.string().regex(/^[a-z-]{1,40}$/), z.string().regex(/^[ -~]{1,200}$/)).optional(),
});

const AnswerExpectation = z.strictObject({
  status: z.array(z.string().regex(/^[1-5](?:[0-9]{2}|xx)$/)).min(1),
  contentType: text.optional(),
  cache: z.enum(["seconds", "long", "not-long"]).optional(),
  headers: z.record(z.string().regex(/^[a-z-]{1,40}$/), z.array(z.string()).min(1)).optional(),
  encodings: z.array(z.string()).min(1).optional(),
});

const RequirementMembers = {
  name: z.string().regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/),
  requirement: text,
  level: z.enum(["MUST", "SHOULD", "MAY", "practice"]),
  document: text,
  section: text,
  /** Adds entries. */
  writes: z.literal(true).optional(),
};

const LogCaseSchema = z.union([
  z.strictObject({ ...RequirementMembers, ask: Ask, expect: AnswerExpectation }),
  z.strictObject({ ...RequirementMembers, ask: Ask, open: text }),
  z.strictObject({ ...RequirementMembers, ask: Ask.optional(), check: z.enum(LOG_CHECKS), expect: text }),
  z.strictObject({ ...RequirementMembers, ask: Ask.optional(), check: z.enum(LOG_CHECKS), open: text }),
]);

const LogCasesSchema = z.strictObject({
  description: z.string().min(1),
  documents: z.array(z.strictObject({ name: text, revision: text })),
  places: z.record(z.string(), text),
  answers: z.record(z.string(), text),
  checks: z.record(z.string(), text),
  cases: z
    .array(LogCaseSchema)
    .min(1)
    .max(1000)
    .refine((cases) => new Set(cases.map(({ name }) => name)).size === cases.length, "two cases of one name"),
});

/** What to ask: its path may hold places, as `{edge}`. */
export type LogAsk = z.infer<typeof Ask>;
/** What one answer has to be. */
export type AnswerExpectation = z.infer<typeof AnswerExpectation>;
export type LogCase = z.infer<typeof LogCaseSchema>;
export type LogCases = z.infer<typeof LogCasesSchema>;

/** @throws {TlogError} CASES_MALFORMED */
export function parseLogCases(json: string): LogCases {
  const parsed = LogCasesSchema.safeParse(parseJson(json));
  if (parsed.success) {
    for (const { ask } of parsed.data.cases) if (ask !== undefined) assertPlaces(ask.path);
    return parsed.data;
  }
  const [issue] = parsed.error.issues;
  throw new TlogError("CASES_MALFORMED", `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "malformed"}`);
}

function parseJson(json: string): unknown {
  if (json.length > MAX_TEXT_CHARS) {
    throw new TlogError(
      "CASES_MALFORMED",
      `want at most ${MAX_TEXT_CHARS} characters of cases, got ${json.length}`,
    );
  }
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new TlogError("CASES_MALFORMED", "want cases as JSON", { cause });
  }
}
