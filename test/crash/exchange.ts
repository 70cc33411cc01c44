/** Requests as clients of a log that may die under them make them: an answer counts only when all of it came. */
import { type Agent, request } from "node:http";

export interface Exchanged {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

export interface Asking {
  readonly agent: Agent;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** @throws when the connection is refused, or cut before the end. */
export function ask(url: string, asking: Asking): Promise<Exchanged> {
  const { agent, method = "GET", headers = {}, body } = asking;
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, method, headers }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.once("end", () => {
        if (!response.complete) return reject(new Error("cut"));
        const type = response.headers["content-type"] ?? "";
        resolve({ status: response.statusCode ?? 0, type, body: Buffer.concat(pieces) });
      });
      response.once("error", reject);
      response.once("close", () => reject(new Error("cut")));
    });
    asked.setTimeout(30_000, () => asked.destroy(new Error("no answer within 30 s")));
    asked.once("error", reject);
    asked.end(body);
  });
}
