/** Stands between a log and a witness of ours, and spoils what the witness answers: to see whether the log notices. */
import { createServer } from "node:http";
import { decodeBase64, encodeBase64 } from "../../src/tlog/encoding.ts";

export interface WitnessAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Makes of the witness's answer the one that the log gets. */
export type Spoiler = (
  answer: WitnessAnswer,
  around: {
    /** What the log posted. */
    readonly request: Uint8Array;
    /** Sends the log's request, as it is, to the witness that listens there. */
    readonly ask: (witnessUrl: string) => Promise<WitnessAnswer>;
    /** The last cosignatures that were passed on. */
    readonly earlier: WitnessAnswer | undefined;
  },
) => WitnessAnswer | Promise<WitnessAnswer>;

export interface SpoilingProxy {
  readonly url: string;
  /** From now on; undefined passes everything on. */
  spoilWith(spoiler: Spoiler | undefined): void;
  stop(): Promise<void>;
}

export async function startSpoilingProxy(witnessUrl: string): Promise<SpoilingProxy> {
  let spoiler: Spoiler | undefined;
  let earlier: WitnessAnswer | undefined;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Uint8Array.from(Buffer.concat(chunks));
    const ask = (url: string) => post(`${url}${request.url}`, body);
    try {
      const answer = await ask(witnessUrl);
      if (spoiler === undefined && answer.status === 200) earlier = answer;
      const around = { request: body, ask, earlier };
      const spoiled = spoiler === undefined ? answer : await spoiler(answer, around);
      response.writeHead(spoiled.status, { "content-type": spoiled.contentType }).end(spoiled.body);
    } catch {
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    spoilWith(next) {
      spoiler = next;
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function post(url: string, body: Uint8Array<ArrayBuffer>): Promise<WitnessAnswer> {
  const response = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(10_000) });
  return {
    status: response.status,
    contentType: response.headers.get("content-type") ?? "",
    body: await response.text(),
  };
}

/** Another byte at the end of every signature. */
export function flipSignatures(answer: WitnessAnswer): WitnessAnswer {
  const lines = answer.status === 200 ? answer.body.trimEnd().split("\n").map(flipSignature) : [];
  return lines.length === 0 ? answer : { ...answer, body: `${lines.join("\n")}\n` };
}

function flipSignature(line: string): string {
  const at = line.lastIndexOf(" ") + 1;
  const bytes = decodeBase64(line.slice(at));
  const last = bytes.length - 1;
  return line.slice(0, at) + encodeBase64(bytes.with(last, 255 - (bytes[last] ?? 0)));
}

/** Our own signatures, of a checkpoint that came before. */
export const replayEarlier: Spoiler = (answer, { earlier }) =>
  answer.status === 200 ? (earlier ?? answer) : answer;

/** "409, I have seen this size", each time. */
export function alwaysAtSize(treeSize: number): Spoiler {
  return () => ({ status: 409, contentType: "text/x.tlog.size", body: `${treeSize}\n` });
}
