import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { sendAnswer } from "../../src/http/exchange-socket.ts";
import { RawClient } from "./raw-client.ts";

test("a connection keeps nothing of requests whose bodies came after their answers", async () => {
  const listeners: number[] = [];
  const server = createServer((incoming, outgoing) => {
    listeners.push(incoming.socket.listenerCount("close"));
    sendAnswer(incoming, outgoing, {
      status: 403,
      headers: { "Content-Length": "1" },
      body: `${listeners.length}`,
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const client = await RawClient.open(`http://127.0.0.1:${port}`);
  for (let at = 1; at <= 5; at++) {
    client.send("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\n");
    await client.until(new RegExp(`\\r\\n\\r\\n${at}$`));
    client.send("x");
  }
  client.destroy();
  expect(listeners).toEqual(Array(5).fill(listeners[0]));
});
