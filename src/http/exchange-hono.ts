import { PassThrough, Readable } from "node:stream";
import type { Context } from "hono";
import { InvariantError, TlogError } from "../errors.ts";
import type { Answer, Exchange, HotHandler, Site } from "./exchange.ts";
import { type HttpEnv, rawQuery } from "./path.ts";

/** Serves a hot route through hono. */
export function honoHandler(handle: HotHandler): (c: Context<HttpEnv>) => Promise<Response> {
  return async (c) => {
    const answer = await handle(new HonoExchange(c));
    c.env?.onAdded?.(answer.added);
    return responseFrom(answer);
  };
}

/** An answer as fetch has it. */
export function responseFrom({ status, headers, body, stream }: Answer): Response {
  if (stream === undefined) return new Response(body ?? null, { status, headers });
  const pipe = new PassThrough();
  pipe.on("error", () => {}); // "close" follows.
  // Node's types and those of fetch have a stream of bytes each.
  const flowing: unknown = Readable.toWeb(pipe);
  if (!(flowing instanceof ReadableStream)) throw new InvariantError("a stream of another kind");
  stream(pipe);
  return new Response(flowing, { status, headers });
}

class HonoExchange implements Exchange {
  readonly #context: Context<HttpEnv>;

  constructor(context: Context<HttpEnv>) {
    this.#context = context;
  }

  get method(): string {
    return this.#context.req.method;
  }

  get path(): string {
    return this.#context.req.path;
  }

  get query(): string {
    return rawQuery(this.#context.req.raw, this.#context);
  }

  get site(): Site {
    const { url } = this.#context.req.raw;
    const site = URL.canParse(url) ? new URL(url) : undefined;
    // RFC 9110 §4.2.4: a user in a target is for deceiving people, and fetch takes none.
    if (site !== undefined && site.username === "" && site.password === "") return site;
    throw new TlogError(
      "ARGUMENT_INVALID",
      "Host, or the target's: want a name or an address, without a user",
    );
  }

  get httpVersion(): string | undefined {
    return this.#context.env?.incoming?.httpVersion;
  }

  get signal(): AbortSignal {
    return this.#context.req.raw.signal;
  }

  get closing(): AbortSignal | undefined {
    return this.#context.env?.closing;
  }

  get address(): string | undefined {
    return this.#context.env?.incoming?.socket.remoteAddress;
  }

  get requestId(): string | undefined {
    return this.#context.env?.asked?.id;
  }

  get outgoing(): Exchange["outgoing"] {
    return this.#context.env?.outgoing;
  }

  header(name: string): string | undefined {
    return this.#context.req.raw.headers.get(name) ?? undefined;
  }

  readBody(take: (piece: Uint8Array) => void): Promise<void> {
    return readRequestBody(this.#context.req.raw, take);
  }
}

/** {@link Exchange.readBody} of a fetch request. */
export async function readRequestBody(request: Request, take: (piece: Uint8Array) => void): Promise<void> {
  const reader = request.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(refuseIncomplete);
      if (done) return;
      take(value.slice()); // Whoever made the stream may fill its piece again.
    }
  } catch (error) {
    reader.cancel().catch(() => {}); // The listener closes the connection; a second failure adds nothing.
    throw error;
  }
}

function refuseIncomplete(cause: unknown): never {
  throw new TlogError("BODY_INCOMPLETE", "the connection ended inside the body", { cause });
}
