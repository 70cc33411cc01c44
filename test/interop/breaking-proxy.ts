/**
 * Stands between a program and a log, and changes one byte of what the log answers: a program that still finds the log in order would
 * find any log in order. All else passes as it came: status, headers, bytes.
 */
import { once } from "node:events";
import { type IncomingMessage, type OutgoingHttpHeaders, request, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { leafHash } from "../../src/merkle/hash.ts";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { startLocalServer } from "./local-server.ts";

/** What to change, and in which answers. */
export interface Breakage {
  /** Matches the path and query of the answers to change. */
  readonly path: RegExp;
  /** Makes the body to send of the one that came. */
  readonly change: (body: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

/** One bit of a hash in a full tile of level 0, of entry 256 × 3 + 5. */
export const TILE_BYTE: Breakage = {
  path: /^\/tile\/0\/003$/,
  change: (body) => withBitTurned(body, 5 * 32),
};

/** The last byte of a partial tile, whichever there are. */
export const PARTIAL_TILE_BYTE: Breakage = {
  path: /^\/tile\/0\/.*\.p\/\d+$/,
  change: (body) => withBitTurned(body, body.length - 1),
};

/** One byte of an entry in a full bundle, the last one. */
export const ENTRY_BYTE: Breakage = {
  path: /^\/tile\/entries\/007$/,
  change: (body) => withBitTurned(body, body.length - 1),
};

/** An entry and the hash of it in its tile, so that the two agree: only the tiles above tell. */
export const ENTRY_AND_ITS_HASH: readonly Breakage[] = [
  { path: /^\/tile\/entries\/003$/, change: (body) => withBitTurned(body, body.length - 1) },
  {
    path: /^\/tile\/0\/003$/,
    // "entry 1023", the last of its bundle, with its last bit turned.
    change: (body) => concatBytes(body.subarray(0, -32), leafHash(encodeUtf8("entry 1022"))),
  },
];

/** One letter within the first signature of the checkpoint. */
export const SIGNATURE_BYTE: Breakage = {
  path: /^\/checkpoint$/,
  change: (body) => withLetterChanged(body, /\n— \S+ \S{20}/u),
};

/** One letter of a hash in each receipt's proof, the last one, of the checkpoint's side. */
export const RECEIPT_HASH: Breakage = {
  path: /^\/receipt\//,
  change: (body) => withLetterChanged(body, /\n[^\n]{20}(?=[^\n]*\n\n)/),
};

/** The index of a receipt, for the next one. */
export const RECEIPT_INDEX: Breakage = {
  path: /^\/receipt\/3501$/,
  change: (body) => encodeUtf8(decodeUtf8(body).replace("\nindex 3501\n", "\nindex 3502\n")),
};

/** One digit of the first hash in each consistency proof. */
export const CONSISTENCY_HASH: Breakage = {
  path: /^\/proof\/consistency/,
  change: (body) => withLetterChanged(body, /"proof":\["[0-9a-f]{20}/),
};

/** A checkpoint that the log never published, in place of its own. */
export function anotherCheckpoint(checkpoint: Uint8Array): Breakage {
  return { path: /^\/checkpoint$/, change: () => checkpoint };
}

function withBitTurned(body: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(body);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

/** Changes the letter that stands behind the match, to one that base64 and hexadecimal both have. */
function withLetterChanged(body: Uint8Array, before: RegExp): Uint8Array {
  const text = decodeUtf8(body);
  const match = before.exec(text);
  if (match === null) throw new Error(`nothing to change at ${before} in ${text.slice(0, 200)}`);
  const at = match.index + match[0].length;
  return encodeUtf8(`${text.slice(0, at)}${text[at] === "0" ? "1" : "0"}${text.slice(at + 1)}`);
}

export interface BreakingProxy {
  readonly url: string;
  /** Changes these answers from now on, and no others. */
  breakFromNow(...breakages: readonly Breakage[]): void;
  /** How many answers were changed since. */
  readonly changed: () => number;
  close(): Promise<void>;
}

/** @param url - of the log, without a path. */
export async function startBreakingProxy(url: string): Promise<BreakingProxy> {
  let breakages: readonly Breakage[] = []; // owned by breakFromNow
  let changed = 0;
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chosen = breakages.find(({ path }) => path.test(incoming.url ?? ""));
    const came = await forward(url, incoming, chosen !== undefined);
    const body = await buffer(came);
    const isChanged = chosen !== undefined && came.statusCode === 200;
    const sent = isChanged ? await chosen.change(body) : body;
    if (isChanged) changed += 1;
    response.writeHead(came.statusCode ?? 502, headersFor(came, isChanged ? sent : undefined)).end(sent);
  };
  const server = await startLocalServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => response.writeHead(502).end(String(error)));
  });
  return {
    url: server.url,
    breakFromNow(...next) {
      breakages = next;
      changed = 0;
    },
    changed: () => changed,
    close: server.stop,
  };
}

/** What came, but for what is said of one connection, and with the length of a changed body. */
function headersFor({ headers }: IncomingMessage, changed: Uint8Array | undefined): OutgoingHttpHeaders {
  const { connection, "keep-alive": keepAlive, "transfer-encoding": encoding, ...rest } = headers;
  return changed === undefined ? rest : { ...rest, "content-length": changed.length };
}

/** @param isPlain - whether to keep the log from compressing: what gzip holds cannot be changed by a byte. */
async function forward(url: string, incoming: IncomingMessage, isPlain: boolean): Promise<IncomingMessage> {
  const headers = { ...incoming.headers, ...(isPlain ? { "accept-encoding": "identity" } : {}) };
  const outgoing = request(`${url}${incoming.url}`, { method: incoming.method ?? "GET", headers });
  incoming.pipe(outgoing);
  const [came] = await once(outgoing, "response");
  return came;
}
