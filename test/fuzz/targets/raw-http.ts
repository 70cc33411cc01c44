/** A real listener, and whatever bytes a connection brings: it answers what it can, reports no failure of its own, and goes on. */
import { connect } from "node:net";
import { createLogApp } from "../../../src/http/app.ts";
import { listen, type RunningListener } from "../../../src/http/listen.ts";
import type { Log } from "../../../src/log/log.ts";
import { memoryLog } from "../memory-log.ts";
import { assertTrue, bytesOf, type Target } from "../target.ts";

const ENTRIES = 300;
const HOST = "Host: 127.0.0.1\r\n";

interface Open {
  readonly log: Log;
  readonly listener: RunningListener;
  readonly failures: unknown[];
}

let opened: Promise<Open> | undefined; // owned by run and close

async function openListener(): Promise<Open> {
  const { log } = await memoryLog(ENTRIES);
  const failures: unknown[] = [];
  const onError = ({ error }: { readonly error: unknown }) => void failures.push(error);
  const app = createLogApp({ log, writeAccess: { mode: "loopback" }, version: "0", onError });
  return { log, listener: await listen({ app, host: "127.0.0.1", port: 0, onError }), failures };
}

export const RAW_HTTP: readonly Target[] = [
  {
    name: "raw-http",
    seeds: () =>
      [
        `GET /checkpoint HTTP/1.1\r\n${HOST}\r\n`,
        `GET /tile/0/000 HTTP/1.1\r\n${HOST}If-None-Match: *\r\n\r\nHEAD /entry/1 HTTP/1.1\r\n${HOST}\r\n`,
        `GET http://127.0.0.1/proof/inclusion?leafIndex=1&treeSize=300 HTTP/1.1\r\n${HOST}\r\n`,
        `POST /add HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
        `POST /add HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n`,
        `POST /add-batch HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n\0\x03one`,
        `POST /add HTTP/1.0\r\n${HOST}Content-Length: 1\r\n\r\nx`,
        `OPTIONS /tile/0/000 HTTP/1.1\r\n${HOST}Origin: https://a.example\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n`,
        `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
      ].map(bytesOf),
    async run(input) {
      opened ??= openListener();
      const { listener, failures } = await opened;
      failures.length = 0;
      const answer = await sent(new URL(listener.url), input);
      if (failures[0] !== undefined) throw failures[0];
      assertTrue(
        answer === "" || answer.startsWith("HTTP/1.1 "),
        `answered ${JSON.stringify(answer.slice(0, 80))}`,
      );
    },
    async close() {
      const { listener, log } = (await opened) ?? {};
      opened = undefined;
      await listener?.close({ deadlineMs: 0 });
      await log?.close();
    },
  },
];

/** Sends, says that nothing follows, and gives what came until the connection was closed. */
function sent({ hostname, port }: URL, input: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    const socket = connect({ host: hostname, port: Number(port) });
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      received += text;
    });
    socket.on("error", () => {}); // "close" follows.
    socket.on("close", () => resolve(received));
    socket.end(input);
  });
}
