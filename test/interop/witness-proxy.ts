/** Stands between a log and a witness, and does with the log's requests and the witness's answers what a test wants. */
import type { ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { concatBytes, decodeUtf8, encodeUtf8, formatDecimal } from "../../src/tlog/encoding.ts";
import { startLocalServer } from "./local-server.ts";

export interface WitnessAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Makes the answer the log gets; "none" ends the connection without one. */
export type Conduct = (
  request: Uint8Array,
  witness: {
    readonly url: string;
    /** Sends it a request. */
    readonly ask: (request: Uint8Array) => Promise<WitnessAnswer>;
    /** The first cosignatures that came through here. */
    readonly earliest: Uint8Array | undefined;
  },
) => Promise<WitnessAnswer | "none">;

export interface WitnessProxy {
  readonly url: string;
  /** What the witness itself answered, in order: "200", "422", and of a conflict "409 3". */
  readonly answers: readonly string[];
  /** From now on; undefined: everything passes as it is. */
  behave(conduct: Conduct | undefined): void;
  close(): Promise<void>;
}

/** @param url - of the witness: its submission prefix. */
export async function startWitnessProxy(url: string): Promise<WitnessProxy> {
  let conduct: Conduct | undefined; // owned by behave()
  let earliest: Uint8Array | undefined; // owned by ask()
  const answers: string[] = [];
  const ask = async (request: Uint8Array): Promise<WitnessAnswer> => {
    const answer = await post(url, request);
    answers.push(answer.status === 409 ? `409 ${decodeUtf8(answer.body).trimEnd()}` : `${answer.status}`);
    if (answer.status === 200) earliest ??= answer.body;
    return answer;
  };
  const respond = async (request: Uint8Array, response: ServerResponse): Promise<void> => {
    const answer = await (conduct?.(request, { url, ask, earliest }) ?? ask(request));
    if (answer === "none") response.destroy();
    else response.writeHead(answer.status, answer.headers).end(answer.body);
  };
  /** What the witness shows monitors passes as it is, whatever it is made to answer the log. */
  const show = async (path: string, response: ServerResponse): Promise<void> => {
    const answer = await answerIn(await fetch(`${url}${path}`, { redirect: "manual" }));
    response.writeHead(answer.status, answer.headers).end(answer.body);
  };
  const server = await startLocalServer((incoming, response) => {
    buffer(incoming)
      .then((request) =>
        incoming.method === "GET"
          ? show(incoming.url ?? "/", response)
          : respond(Uint8Array.from(request), response),
      )
      .catch(() => response.destroy()); // the witness is gone, or the log
  });
  return {
    url: server.url,
    answers,
    behave(next) {
      conduct = next;
    },
    close: server.stop,
  };
}

async function post(url: string, request: Uint8Array): Promise<WitnessAnswer> {
  const body = new Uint8Array(request);
  return await answerIn(await fetch(`${url}/add-checkpoint`, { method: "POST", body, redirect: "manual" }));
}

async function answerIn(came: Response): Promise<WitnessAnswer> {
  return {
    status: came.status,
    headers: { "Content-Type": came.headers.get("Content-Type") ?? "" },
    body: new Uint8Array(await came.arrayBuffer()),
  };
}

/** Dead: takes the connection, and ends it. */
export const noAnswer: Conduct = async () => "none";

/** Passes on what comes, once `opened` has resolved. */
export function heldUntil(opened: Promise<void>): Conduct {
  return async (request, { ask }) => {
    await opened;
    return await ask(request);
  };
}

/** It claims to have cosigned a tree of this size, whatever it is asked. */
export function claimedSize(treeSize: number): Conduct {
  const headers = { "Content-Type": "text/x.tlog.size" };
  return async () => ({ status: 409, headers, body: encodeUtf8(`${formatDecimal(treeSize)}\n`) });
}

/** A tree that no log has. */
export const hugeSize = claimedSize(Number.MAX_SAFE_INTEGER);

/** What another witness says to the log's request. @param urlOf - where that one is, by then */
export function answerOf(urlOf: () => string): Conduct {
  return async (request) => await post(urlOf(), request);
}

/** One letter of each signature is another one; its key and its time are right. */
export const forgedLines: Conduct = async (request, { ask }) => {
  const answer = await ask(request);
  if (answer.status !== 200) return answer;
  const lines = decodeUtf8(answer.body).trimEnd().split("\n");
  return { ...answer, body: encodeUtf8(lines.map((line) => `${withLetterChanged(line, -20)}\n`).join("")) };
};

/** A text with another letter of base64 at an index, from the end when it is negative. */
export function withLetterChanged(text: string, index: number): string {
  const at = index < 0 ? text.length + index : index;
  return `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
}

/** Real cosignatures, of the first size that was asked for. */
export const anotherSize: Conduct = async (request, { ask, earliest }) => {
  const answer = await ask(request);
  return answer.status === 200 ? { ...answer, body: earliest ?? answer.body } : answer;
};

/** What is right, and a megabyte more of it. */
export const oversize: Conduct = async (request, { ask }) => {
  const answer = await ask(request);
  const times = Math.ceil((1024 * 1024) / answer.body.length);
  return { ...answer, body: concatBytes(...Array.from({ length: times }, () => answer.body)) };
};

/** To where the cosignature could be had. */
export const redirect: Conduct = async (_, { url }) => {
  return { status: 307, headers: { Location: `${url}/add-checkpoint` }, body: new Uint8Array() };
};

/** The witness is asked with another request than the log's. */
export function requestChanged(change: (request: Uint8Array) => Uint8Array | Promise<Uint8Array>): Conduct {
  return async (request, { ask }) => await ask(await change(request));
}
