import type { RouteConfig } from "@hono/zod-openapi";
import { z } from "@hono/zod-openapi";
import { RECEIPT_TYPE } from "./receipts.ts";
import { HashHex, PROBLEM_ANSWERS, WRITE_PROBLEM_ANSWERS } from "./schemas.ts";

/** The routes that speak bytes and text, described by hand: most of them are fixed by c2sp.org/tlog-tiles. */
export const HAND_WRITTEN_ROUTES: readonly RouteConfig[] = [
  {
    method: "get",
    path: "/checkpoint",
    summary: "The newest published checkpoint",
    externalDocs: { url: "https://c2sp.org/tlog-tiles" },
    responses: {
      200: {
        description: "A signed note, c2sp.org/tlog-checkpoint.",
        content: { "text/plain": { schema: { type: "string" } } },
      },
      304: { description: "As If-None-Match has it." },
    },
  },
  {
    method: "get",
    path: "/key-history",
    summary: "The signed changes of the log's keys",
    description: "spec/key-history.md; without any there is none.",
    responses: {
      200: {
        description: "Signed notes, oldest first, an empty line between them.",
        content: { "text/plain": { schema: { type: "string" } } },
      },
      404: PROBLEM_ANSWERS[404],
    },
  },
  {
    method: "get",
    path: "/tile/{level}/{index}",
    summary: "A tile of the Merkle tree",
    description: "Partial tiles have .p/ and a width of 1 to 255 at the end.",
    externalDocs: { url: "https://c2sp.org/tlog-tiles" },
    request: { params: z.object({ level: levelParameter(), index: tileIndexParameter() }) },
    responses: {
      200: { description: "Up to 256 hashes of 32 bytes.", content: binary() },
      304: { description: "As If-None-Match has it." },
      404: PROBLEM_ANSWERS[404],
    },
  },
  {
    method: "get",
    path: "/tile/entries/{index}",
    summary: "A bundle of up to 256 entries",
    description:
      "Partial bundles have .p/ and a width of 1 to 255 at the end. Sent with gzip when asked for.",
    externalDocs: { url: "https://c2sp.org/tlog-tiles" },
    request: { params: z.object({ index: tileIndexParameter() }) },
    responses: {
      200: { description: "Entries, each after its big-endian uint16 length.", content: binary() },
      304: { description: "As If-None-Match has it." },
      404: PROBLEM_ANSWERS[404],
      503: PROBLEM_ANSWERS[503],
    },
  },
  {
    method: "post",
    path: "/add",
    summary: "Append one entry",
    security: [{}, { token: [] }],
    request: {
      headers: z.object({
        Prefer: z
          .string()
          .optional()
          .openapi({
            description: `wait=SECONDS, RFC 7240: how long to wait for a receipt. Used with Accept: ${RECEIPT_TYPE}.`,
            example: "wait=10",
          }),
      }),
      body: {
        required: true,
        description: "The entry: at most 65,535 bytes, of any type; none is an entry too.",
        content: { "*/*": { schema: { type: "string", format: "binary" } } },
      },
    },
    responses: {
      200: {
        description: "The entry is durable. Accept chooses the form: its index, JSON, or its receipt.",
        content: {
          "text/plain": { schema: { type: "string", pattern: "^(0|[1-9][0-9]*)$", example: "17" } },
          "application/json": { schema: addAnswer() },
          [RECEIPT_TYPE]: { schema: { type: "string" } },
        },
      },
      202: {
        description:
          "The entry is durable, its receipt did not come in time: the index, and Location says where the receipt will be.",
        content: { "text/plain": { schema: { type: "string", example: "17" } } },
      },
      ...WRITE_PROBLEM_ANSWERS,
    },
  },
  {
    method: "get",
    path: "/entry/{index}",
    summary: "An entry's bytes",
    request: { params: z.object({ index: leafIndexParameter() }) },
    responses: { 200: { description: "The entry.", content: binary() }, 404: PROBLEM_ANSWERS[404] },
  },
  {
    method: "get",
    path: "/receipt/{index}",
    summary: "An entry's receipt against the newest published checkpoint",
    externalDocs: { url: "https://c2sp.org/tlog-proof" },
    request: { params: z.object({ index: leafIndexParameter() }) },
    responses: {
      200: {
        description: "A .tlog-proof file.",
        content: { [RECEIPT_TYPE]: { schema: { type: "string" } } },
      },
      404: PROBLEM_ANSWERS[404],
    },
  },
  {
    method: "get",
    path: "/events",
    summary: "New checkpoints, and entries with receipts, as they are published",
    description:
      "spec/push.md. An event's id is the tree size up to which the reader has everything with it.",
    request: {
      query: z.object({
        from: z
          .string()
          .optional()
          .openapi({ description: "The tree size that is known; Last-Event-ID counts more.", example: "17" }),
        entries: z.enum(["1"]).optional().openapi({ description: "Entries too." }),
      }),
    },
    responses: {
      200: {
        description: "An event stream without an end.",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
      400: PROBLEM_ANSWERS[400],
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

function binary() {
  return { "application/octet-stream": { schema: { type: "string" as const, format: "binary" } } };
}

function addAnswer() {
  return z
    .object({ leafIndex: z.int().min(0), leafHash: HashHex, duplicate: z.boolean() })
    .openapi("AddAnswer");
}

function levelParameter() {
  return z.string().openapi({ description: "0 to 63, without leading zeros.", example: "0" });
}

function tileIndexParameter() {
  return z.string().openapi({
    description: "The index in groups of three digits, all but the last after an x.",
    example: "x001/x234/067",
  });
}

function leafIndexParameter() {
  return z.string().openapi({ description: "A leaf index, decimal, without leading zeros.", example: "17" });
}
