import { READ_HEADERS } from "./headers.ts";

/** The handler of `GET /openapi.json`; the document is made at the first request. */
export function openApiText(makeDocument: () => object): () => Response {
  let text: string | undefined; // owned by the returned function
  return () => {
    text ??= JSON.stringify(makeDocument());
    return new Response(text, { headers: DOCUMENT_HEADERS });
  };
}

const DOCUMENT_HEADERS = {
  ...READ_HEADERS,
  "Content-Type": "application/json",
  "Cache-Control": "public, max-age=3600",
} as const;
