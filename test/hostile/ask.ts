import { type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

/** One request on a connection of its own, whoever signed the certificate. @returns status 0 where no answer came in time. */
export function ask(
  url: string,
  body?: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number }> {
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    method: body === undefined ? "GET" : "POST",
    agent: false,
    rejectUnauthorized: false,
    timeout: 60_000,
    headers: body === undefined ? headers : { ...headers, "Content-Length": body.length },
  };
  return new Promise((resolve) => {
    const request = url.startsWith("https:") ? requestHttps : requestHttp;
    const outgoing = request(url, options, (response) => {
      response.resume();
      response.once("close", () => resolve({ status: response.complete ? (response.statusCode ?? 0) : 0 }));
    });
    outgoing.once("timeout", () => outgoing.destroy());
    outgoing.once("error", () => resolve({ status: 0 }));
    outgoing.end(body);
  });
}
