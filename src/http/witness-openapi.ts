import { OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import { healthRoute, metricsRoute } from "./admin.ts";
import { HashHex, PROBLEM_ANSWERS } from "./schemas.ts";
import { witnessReadinessRoute } from "./witness-admin.ts";
import { EvidenceItem } from "./witness-evidence.ts";
import { witnessInfoRoute } from "./witness-info.ts";

/** The OpenAPI 3.1 document of a witness. `spec/openapi-witness.json` is a copy that `write-openapi.ts` keeps. */
export function witnessOpenApiDocument(): object {
  const app = new OpenAPIHono();
  for (const route of [
    ...HAND_WRITTEN_ROUTES,
    witnessInfoRoute,
    healthRoute,
    witnessReadinessRoute,
    metricsRoute,
  ]) {
    app.openAPIRegistry.registerPath(route);
  }
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Bristlecone witness",
      version: "1",
      description:
        "Cosigns heads of logs, and holds evidence about those that forked. c2sp.org/tlog-witness. Normative text: spec/http-api.md.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [
      { url: "./", description: "The witness's URL: both the submission and the monitoring prefix." },
    ],
  });
}

const WITNESS_SPEC = { url: "https://c2sp.org/tlog-witness" };
const WITNESS_ERRORS = {
  400: PROBLEM_ANSWERS[400],
  403: problem(
    "The checkpoint is not signed as it must be, or the log is cosigned no more: then `evidence` says why.",
  ),
  404: problem("The log is unknown."),
  413: PROBLEM_ANSWERS[413],
  422: problem("The proof does not verify, or the roots differ."),
  429: problem("More requests than agreed for this log; see Retry-After."),
  503: PROBLEM_ANSWERS[503],
} as const;

/** The routes that speak text, which c2sp.org/tlog-witness fixes, and evidence. */
const HAND_WRITTEN_ROUTES: readonly RouteConfig[] = [
  {
    method: "post",
    path: "/add-checkpoint",
    summary: "Cosign a checkpoint",
    externalDocs: WITNESS_SPEC,
    request: {
      body: textBody("The old size, a consistency proof from it, an empty line, and the signed checkpoint."),
    },
    responses: {
      200: { description: "Signature lines of the witness; they are durable.", content: text() },
      409: {
        description: "The old size is another: the body is the size of the newest checkpoint cosigned.",
        content: { "text/x.tlog.size": { schema: { type: "string", example: "3\n" } } },
      },
      ...WITNESS_ERRORS,
    },
  },
  {
    method: "post",
    path: "/sign-subtree",
    summary: "Cosign a subtree of a checkpoint this witness cosigned",
    externalDocs: WITNESS_SPEC,
    request: {
      body: textBody("The range, its hash, a subtree consistency proof, an empty line, and the checkpoint."),
    },
    responses: {
      200: { description: "Signature lines of the witness.", content: text() },
      ...WITNESS_ERRORS,
    },
  },
  {
    method: "get",
    path: "/{originHash}/checkpoint",
    summary: "The newest checkpoint this witness cosigned for a log",
    externalDocs: WITNESS_SPEC,
    request: { params: z.object({ originHash: HashHex }) },
    responses: {
      200: { description: "A signed note, c2sp.org/tlog-checkpoint.", content: text() },
      304: { description: "As If-None-Match has it." },
      404: problem("The log is unknown, or was never cosigned."),
    },
  },
  {
    method: "post",
    path: "/evidence",
    summary: "Hand in evidence that a log forked",
    request: { body: textBody("An evidence file, spec/fork-evidence.md; at most 512 KiB.") },
    responses: {
      200: { description: "It is known already.", content: evidenceTaken() },
      201: { description: "It verifies and is kept; Location says where.", content: evidenceTaken() },
      ...WITNESS_ERRORS,
      409: problem("As much evidence of this sort as is kept about one log is there."),
    },
  },
  {
    method: "get",
    path: "/{originHash}/evidence",
    summary: "The evidence this witness holds about a log",
    request: { params: z.object({ originHash: HashHex }) },
    responses: {
      200: {
        description: "Oldest first; empty when there is none.",
        content: { "application/json": { schema: z.object({ evidence: z.array(EvidenceItem) }) } },
      },
      404: problem("The log is unknown."),
      503: PROBLEM_ANSWERS[503],
    },
  },
  {
    method: "get",
    path: "/{originHash}/evidence/{evidenceId}",
    summary: "An evidence file",
    request: { params: z.object({ originHash: HashHex, evidenceId: HashHex }) },
    responses: {
      200: { description: "spec/fork-evidence.md; anybody can verify it.", content: text() },
      304: { description: "As If-None-Match has it." },
      404: PROBLEM_ANSWERS[404],
      503: PROBLEM_ANSWERS[503],
    },
  },
  {
    method: "get",
    path: "/openapi.json",
    summary: "This document",
    responses: {
      200: { description: "OpenAPI 3.1.", content: { "application/json": { schema: { type: "object" } } } },
    },
  },
];

function problem(description: string) {
  return { ...PROBLEM_ANSWERS[400], description };
}

function text() {
  return { "text/plain": { schema: { type: "string" as const } } };
}

function textBody(description: string) {
  return { required: true, description, content: { "*/*": { schema: { type: "string" as const } } } };
}

function evidenceTaken() {
  return {
    "application/json": {
      schema: z.object({ id: HashHex, isNew: z.boolean(), evidence: z.string() }).openapi("EvidenceTaken"),
    },
  };
}
