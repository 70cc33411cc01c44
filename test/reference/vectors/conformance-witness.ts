import { createHash } from "node:crypto";
import { type ReferenceKey, referenceKey } from "../notes.ts";
import { answerCases } from "./conformance-witness-answers.ts";
import { type Recipe, submission, type WitnessCase } from "./conformance-witness-case.ts";
import { conflictCases } from "./conformance-witness-conflicts.ts";
import { logCases } from "./conformance-witness-logs.ts";
import { noteCases, openNoteCases } from "./conformance-witness-notes.ts";
import { httpCases, monitorCases } from "./conformance-witness-reads.ts";
import { exampleOf, type RecipeLog, sizeOf } from "./conformance-witness-recipe.ts";
import { spellingCases } from "./conformance-witness-spellings.ts";
import { SUBTREE_OFFER, subtreeCases } from "./conformance-witness-subtrees.ts";
import { openTextCases, textCases } from "./conformance-witness-texts.ts";
import { CHECKS, DESCRIPTION, WORDS } from "./conformance-witness-words.ts";
import type { VectorCase, VectorFile } from "./vector-file.ts";

const HOST = "conformance.example";
/** Of the first checkpoint that prepares a case. */
const FIRST_SIZE = "11";
/** What the tester may choose as S where nothing is known yet. */
const CHOSEN_SIZE = 2;

interface Log extends RecipeLog {
  readonly isConfigured: boolean;
}

const LOGS: readonly Log[] = [
  log("main", [1]),
  log("fresh", [1]),
  log("empty", [1]),
  log("two-keys", [1, 1]),
  log("ml-dsa", [6]),
  log("fork", [1]),
  log("fork-growth", [1]),
  log("fork-empty", [1]),
  log("forged-line", [1]),
  { ...log("unknown", [1]), isConfigured: false },
];

/** What a witness must, should and had better answer: the cases of `bristlecone conformance witness`. */
export function conformanceWitnessVectors(): readonly VectorFile[] {
  return [
    {
      name: "conformance-witness",
      description: DESCRIPTION,
      shared: {
        documents: ["tlog-witness", "tlog-cosignature", "tlog-checkpoint", "signed-note"].map((name) => ({
          name: `c2sp.org/${name}`,
          revision: "5ba5ee8 of 2026-07-22",
        })),
        words: WORDS,
        checks: CHECKS,
        logs: LOGS.map(logMembers),
        subtreeOffer: SUBTREE_OFFER,
      },
      cases: withExamples([
        ...answerCases(),
        ...conflictCases(),
        ...noteCases(),
        ...spellingCases(),
        ...textCases(),
        ...httpCases(),
        ...monitorCases(),
        ...subtreeCases(),
        ...logCases(),
        ...openNoteCases(),
        ...openTextCases(),
      ]),
    },
  ];
}

function log(name: string, types: readonly number[]): Log {
  const origin = `${HOST}/${name}`;
  const number = [...`${name}`].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 97, 7);
  return {
    name,
    origin,
    keys: types.map((type, index) => referenceKey(origin, type, number + 100 * index)),
    isConfigured: true,
  };
}

function logMembers(log: Log) {
  const { name, origin, keys, isConfigured } = log;
  const step = (request: Recipe, sets: string) => ({ request, sets });
  const discovery = keys.map((_, index) =>
    step({ ...submission("1", "1"), signatures: [index === 0 ? "{sign log}" : "{sign log2}"] }, "1"),
  );
  return {
    name,
    origin,
    isConfigured,
    signingKeys: keys.map(({ signingKey }) => signingKey),
    vkeys: keys.map(({ vkey }) => vkey),
    ...(name === "main" ? { sigsumOrigin: sigsumOrigin(keys[0] as ReferenceKey) } : {}),
    discovery: discovery.map((one) => withExample(one, log)),
    first: withExample(step(submission("0", FIRST_SIZE), FIRST_SIZE), log),
    again: step(submission("S", "S"), "S"),
  };
}

/** As it is before anything was cosigned. */
function withExample<S extends { readonly request: Recipe }>(step: S, log: RecipeLog) {
  return { ...step, example: exampleOf(step.request, log, 0) };
}

function sigsumOrigin({ publicKey }: ReferenceKey): string {
  return `sigsum.org/v1/tree/${createHash("sha256").update(publicKey).digest("hex")}`;
}

/** As a witness that starts with nothing, is asked in this order and answers everything right. */
function withExamples(cases: readonly WitnessCase[]): readonly VectorCase[] {
  const sizes = new Map<string, number>();
  return cases.map((one) => {
    const known = LOGS.find(({ name }) => name === one.log) as Log;
    let S = sizes.get(known.name) ?? 0;
    if (S === 0 && one.state === "cosigned") S = Number(FIRST_SIZE);
    if (one.state === "discovers") S = CHOSEN_SIZE;
    const example = exampleOf(one.request, known, S);
    const isCosigned = one.expect?.status.includes(200) === true && one.sets !== undefined;
    const before = one.state === "discovers" ? 0 : S;
    sizes.set(known.name, isCosigned ? sizeOf(one.sets ?? "", S) : before);
    return { ...one, example };
  });
}
