/** The cases for a witness as spec/vectors/conformance-witness.json holds them; what its members mean, that file says. */
import { z } from "zod";
import { TlogError } from "../../errors.ts";
import { parseDecimal } from "../../tlog/encoding.ts";

const MAX_CASES_CHARS = 8 * 1024 * 1024;

/** A path that no witness has. */
export const NOWHERE = "bristlecone-conformance-no-such-path";

/** What can be asked of an answer beyond its status; what each means, the case file says. */
const CHECKS = [
  "lines",
  "own-lines",
  "verify",
  "verify-ed25519",
  "verify-ml-dsa",
  "has-ml-dsa",
  "time-set",
  "time-near",
  "time-not-back",
  "small",
  "size-type-exact",
  "text-plain",
  "kept-alive",
  "cors",
  "monitor-head",
  "monitor-log-line",
  "monitor-cosignatures",
  "monitor-own-lines",
  "subtree-verify",
  "subtree-same-key",
] as const;
export type CheckName = (typeof CHECKS)[number];

const Level = z.enum(["MUST", "SHOULD", "MAY", "practice"]);

/** "S", "S+4", "S-1" or a number. */
const SizeExpression = z.string().regex(/^(?:S(?:[+-][0-9]{1,6})?|[0-9]{1,9})$/);

const Edit = z.union([
  z.strictObject({
    replace: z.string().min(1),
    which: z.enum(["first", "last", "all"]),
    with: z.string(),
  }),
  z.strictObject({ append: z.string() }),
  z.strictObject({ cut: z.int().min(1).max(1000) }),
  z.strictObject({ gzip: z.literal(true) }),
]);

const Recipe = z.strictObject({
  method: z.enum(["GET", "HEAD", "POST", "PUT", "OPTIONS"]),
  path: z.string(),
  headers: z.record(z.string(), z.string()).optional(),
  /** Before the empty line. */
  lines: z.array(z.string()).optional(),
  /** The checkpoint: what is signed. */
  text: z.array(z.string()).optional(),
  signatures: z.array(z.string()).optional(),
  edits: z.array(Edit).optional(),
});

const Expectation = z.strictObject({
  status: z.array(z.int().min(100).max(599)).min(1),
  later: z.array(z.int().min(400).max(499)).optional(),
  otherRefusal: z.literal("warn").optional(),
  closed: z.literal("met").optional(),
  contentType: z.string().optional(),
  body: z.string().optional(),
  checks: z.array(z.enum(CHECKS)).optional(),
});

const Example = z.strictObject({
  S: z.int().min(0),
  body: z.string().optional(),
  bodyHex: z.string().optional(),
  bodyLength: z.int().optional(),
  bodySha256: z.string().optional(),
});

const Case = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/),
    requirement: z.string().min(1),
    level: Level,
    document: z.string().min(1),
    section: z.string().min(1),
    note: z.string().optional(),
    log: z.string(),
    state: z.enum(["never", "cosigned", "discovers", "any"]).optional(),
    needs: z.array(z.enum(["monitoring", "subtrees", "witness-keys", "ml-dsa"])).optional(),
    request: Recipe,
    sets: SizeExpression.optional(),
    subtree: z.tuple([SizeExpression, SizeExpression]).optional(),
    expect: Expectation.optional(),
    open: z.string().optional(),
    example: Example,
  })
  .refine(({ expect, open }) => (expect === undefined) !== (open === undefined), {
    message: "want either expect or open",
  });

/** A request that is no case itself, and the size the witness has after answering it by 200. */
const Step = z.strictObject({ request: Recipe, sets: SizeExpression, example: Example.optional() });

const Log = z.strictObject({
  name: z.string(),
  origin: z.string(),
  isConfigured: z.boolean(),
  signingKeys: z.array(z.string()).min(1),
  vkeys: z.array(z.string()).min(1),
  sigsumOrigin: z.string().optional(),
  /** One for each of its keys. */
  discovery: z.array(Step).min(1),
  first: Step,
  again: Step,
});

const File = z.strictObject({
  description: z.string(),
  documents: z.array(z.strictObject({ name: z.string(), revision: z.string() })),
  words: z.record(z.string(), z.string()),
  checks: z.record(z.string(), z.string()),
  logs: z.array(Log).min(1),
  subtreeOffer: Recipe,
  cases: z.array(Case).min(1),
});

export type WitnessCase = Readonly<z.infer<typeof Case>>;
export type WitnessExpectation = Readonly<z.infer<typeof Expectation>>;
/** How a request is put together. */
export type WitnessRecipe = Readonly<z.infer<typeof Recipe>>;
export type WitnessEdit = z.infer<typeof Edit>;
export type WitnessStep = Readonly<z.infer<typeof Step>>;
export type TestLogDefinition = Readonly<z.infer<typeof Log>>;

export interface WitnessCases {
  readonly documents: readonly { readonly name: string; readonly revision: string }[];
  readonly logs: readonly TestLogDefinition[];
  /** A good sign-subtree request: the answer tells whether there is such a thing. */
  readonly subtreeOffer: WitnessRecipe;
  readonly cases: readonly WitnessCase[];
}

/** @throws {TlogError} CASES_MALFORMED */
export function parseWitnessCases(text: string): WitnessCases {
  if (text.length > MAX_CASES_CHARS) {
    throw malformed(`want at most ${MAX_CASES_CHARS} characters, got ${text.length}`);
  }
  const result = File.safeParse(parseJson(text));
  if (!result.success) throw malformed(z.prettifyError(result.error));
  const { documents, logs, subtreeOffer, cases } = result.data;
  const logNames = new Set(logs.map(({ name }) => name));
  const names = new Set<string>();
  for (const { name, log } of cases) {
    if (names.has(name)) throw malformed(`two cases are called ${name}`);
    if (!logNames.has(log)) throw malformed(`${name}: no log is called ${log}`);
    names.add(name);
  }
  return { documents, logs, subtreeOffer, cases };
}

/** @returns the size the expression stands for when the newest cosigned one is `S`. */
export function sizeOf(expression: string, S: number): number {
  const [, base, sign, number = "0"] = /^(S)?([+-])?([0-9]+)?$/.exec(expression) ?? [];
  const change = parseDecimal(number);
  return (base === undefined ? 0 : S) + (sign === "-" ? -change : change);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed("want JSON", cause);
  }
}

function malformed(message: string, cause?: unknown): TlogError {
  return new TlogError("CASES_MALFORMED", message, cause === undefined ? {} : { cause });
}
