import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServe, startServe, stopServe, temporaryDirectory } from "../cli/harness.ts";
import { RawClient } from "../http/raw-client.ts";
import { ask, type ReadersLog, startReaders } from "./serve-readers.ts";

/** Requests as they stand on the wire; PORT is the server's. */
const REQUESTS: Readonly<Record<string, string>> = {
  "a plain entry": "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 5\r\n\r\nplain",
  "the same again, as JSON":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAccept: application/json\r\nContent-Length: 5\r\n\r\nplain",
  "an entry in chunks":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nchu\r\n2\r\nnk\r\n0\r\nX: y\r\n\r\n",
  "an entry without a length": "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "a coding":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
  "a transfer coding":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
  "an entry that is too large, as declared": `POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 65536\r\n\r\n${"x".repeat(65536)}`,
  "an entry that is too large, in chunks": `POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n${"x".repeat(65537)}\r\n0\r\n\r\n`,
  "another host": "POST /add HTTP/1.1\r\nHost: log.example\r\nContent-Length: 1\r\n\r\nx",
  "two hosts":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: log.example\r\nContent-Length: 1\r\n\r\nx",
  "no host": "POST /add HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
  "a host that is none": "POST /add HTTP/1.1\r\nHost: a b\r\nContent-Length: 1\r\n\r\nx",
  "HTTP/1.0": "POST /add HTTP/1.0\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 1\r\n\r\nx",
  "HTTP/1.0 without a host": "POST /add HTTP/1.0\r\nContent-Length: 1\r\n\r\nx",
  "a version that a client claims":
    "POST /add HTTP/1.0\r\nHost: 127.0.0.1:PORT\r\nx-bristlecone-http-version: 1.1\r\nContent-Length: 1\r\n\r\nx",
  "a version that a client claims, on 1.1":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nx-bristlecone-http-version: 1.0\r\nContent-Length: 1\r\n\r\nv",
  "a proxy's mark":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nVia: 1.1 proxy\r\nContent-Length: 1\r\n\r\nx",
  "a proxy's mark called a matter of the connection":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: X-Forwarded-For\r\nX-Forwarded-For: 1.2.3.4\r\nContent-Length: 1\r\n\r\nx",
  "a page of another origin":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nOrigin: http://evil.example\r\nContent-Length: 1\r\n\r\nx",
  "a page of its own origin":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nOrigin: http://127.0.0.1:PORT\r\nContent-Length: 1\r\n\r\no",
  expectations:
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\ne",
  "another expectation":
    "POST /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nExpect: tea\r\nContent-Length: 1\r\n\r\ne",
  "an upgrade":
    "GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  "trailers announced": "GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTrailer: X\r\nTE: trailers\r\n\r\n",
  "an absolute target": "GET http://127.0.0.1:PORT/checkpoin HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "a target of another host":
    "POST http://log.example/add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 1\r\n\r\nx",
  "an escape": "GET /checkpoin%74 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "dot segments": "GET /tile/0/x001/../000 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "octets beyond ASCII": "GET /\xe4?\xff HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-Word: \xe4\r\n\r\n",
  "a method nobody has": "PROPFIND /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "a write to what is read":
    "POST /checkpoint HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 1\r\n\r\nx",
  "a read of what is written": "GET /add HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "options of a read": "OPTIONS /checkpoint HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "the head of nothing": "HEAD /entry/99 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "a tile beyond the tree": "GET /tile/0/000.p/255 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "a tile that is no tile": "GET /tile/0/01 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "an entry beyond the tree": "GET /entry/99 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "a receipt beyond the tree": "GET /receipt/99 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "a proof of a size to come":
    "GET /proof/inclusion?leafIndex=0&treeSize=99 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
  "a read with a body": "GET /entry/99 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 1\r\n\r\nx",
  "a batch":
    "POST /add-batch HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 6\r\n\r\n\0\u0001a\0\u0001b",
  "a batch that is none":
    "POST /add-batch HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 3\r\n\r\n\0\u0009a",
  "an unknown leaf": `GET /lookup/${"0".repeat(64)} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n`,
  "what is no HTTP": "HELLO\r\n\r\n",
};

describe("a log with readers answers as one without", () => {
  let plain: RunningServe;
  let readers: ReadersLog;
  beforeAll(async () => {
    [plain, readers] = await Promise.all([startServe(temporaryDirectory()), startReaders(1)]);
    await publishBoth("first");
  });
  afterAll(async () => {
    await Promise.all([stopServe(plain), stopServe(readers)]);
  });

  /** Refusals name the size of the published tree: a receipt in each shows that both have published all there is. */
  const publishBoth = async (entry: string): Promise<void> => {
    const settling = { method: "POST", headers: { Accept: "text/x.tlog.proof" }, body: entry };
    for (const { url } of [plain, readers]) expect((await ask(`${url}/add`, settling)).status).toBe(200);
  };

  it.each(Object.entries(REQUESTS))("%s", async (name, request) => {
    const [alone, passed] = [await answerOf(plain.url, request), await answerOf(readers.url, request)];
    expect(passed).toEqual(alone);
    expect(alone).toMatch(/^HTTP\/1\.1 \d{3} /);
    if (request.startsWith("POST")) await publishBoth(name);
  });
});

/** All that comes of one request but for what differs between two logs and two moments. */
async function answerOf(url: string, request: string): Promise<string> {
  const { port } = new URL(url);
  const client = await RawClient.open(url);
  const closing = request.replace("\r\n", "\r\nX-Test: 1\r\n").replaceAll("PORT", port);
  client.send(Buffer.from(closing, "latin1"));
  const text = await client.until(/\r\n\r\n/);
  const length = /^Content-Length: (\d+)/im.exec(text)?.[1] ?? "0";
  const isBodiless = request.startsWith("HEAD") || / 204 /.test(text);
  const whole = isBodiless
    ? text
    : await client.until(new RegExp(`\\r\\n\\r\\n[\\s\\S]{${/ 100 /.test(text) ? 0 : length}}`));
  client.destroy();
  return whole
    .replace(/^(?:Date|X-Request-Id): .*\r\n/gim, "")
    .replace(/^Keep-Alive: .*\r\n/gim, "")
    .replaceAll(port, "PORT");
}
