import { z } from "@hono/zod-openapi";

/** Schemas several routes of the OpenAPI document share. */

/** 32 bytes as 64 lowercase hex digits. */
export const HashHex = z
  .string()
  .regex(/^[0-9a-f]{64}$/, {
    error: ({ input }) => `want 64 lowercase hex digits, got ${JSON.stringify(input).slice(0, 80)}`,
  })
  .openapi("HashHex", {
    description: "A SHA-256 hash, 64 lowercase hex digits.",
    example: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  });

export const HashList = z
  .array(HashHex)
  .openapi("HashList", { description: "The nodes of the proof, from the leaf up." });

/** problem.ts makes it. RFC 9457 */
export const Problem = z
  .object({
    type: z.string().openapi({ example: "urn:bristlecone:problem:NOT_PUBLISHED" }),
    title: z.string().openapi({ example: "No published checkpoint covers this yet." }),
    status: z.int().openapi({ example: 404 }),
    code: z.string().openapi({ description: "Stable; programs branch on it.", example: "NOT_PUBLISHED" }),
    detail: z.string().optional().openapi({ description: "What was wanted and what came, for people." }),
    requestId: z.string().optional().openapi({
      description: "Of a failure of the server: what its operator finds the log line by.",
    }),
  })
  .openapi("Problem");

/** The error answers a route may declare, by status. */
export const PROBLEM_ANSWERS = {
  400: problemAnswer("A parameter or the body is malformed."),
  401: problemAnswer("Writing needs a token."),
  403: problemAnswer("The token is unknown, or the request came from elsewhere."),
  404: problemAnswer("There is no such resource, or not yet."),
  410: problemAnswer("The log has ended."),
  413: problemAnswer("The body is too large."),
  429: problemAnswer("Too many entries are waiting; see Retry-After."),
  503: problemAnswer("Not at the moment; see Retry-After."),
} as const;

/** What every write may be answered. */
export const WRITE_PROBLEM_ANSWERS = {
  400: PROBLEM_ANSWERS[400],
  401: PROBLEM_ANSWERS[401],
  403: PROBLEM_ANSWERS[403],
  410: PROBLEM_ANSWERS[410],
  413: PROBLEM_ANSWERS[413],
  429: PROBLEM_ANSWERS[429],
  503: PROBLEM_ANSWERS[503],
} as const;

function problemAnswer(description: string) {
  return { description, content: { "application/problem+json": { schema: Problem } } };
}
