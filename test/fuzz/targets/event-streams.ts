/** What a stream tells is the same in whatever pieces it comes, and bounded. */
import { eventParser } from "../../../client/event-parser.ts";
import { parseWebhookFile } from "../../../src/webhooks/webhook-file.ts";
import { assertSameText, assertTrue, bytesOf, type Target, textOf } from "../target.ts";

const MAX_CHARS = 64;

export const EVENT_STREAMS: readonly Target[] = [
  {
    // The first byte says how long pieces are.
    name: "event-stream",
    seeds: () =>
      [
        "\u0001event: checkpoint\nid: 1\ndata: log\ndata: 1\n\n",
        "\u0003:\r\n\r\nretry: 5\rdata:x\r\rdata\n\n",
        "\u0007\uFEFFdata: — ü\n\nevent\ndata: a\n",
      ].map(bytesOf),
    run(input) {
      const stream = input.subarray(1);
      const whole = parsed(stream, Math.max(1, stream.length));
      const inPieces = parsed(stream, Math.max(1, input[0] ?? 1));
      // How much a refused stream told before it was refused depends on where pieces end.
      if (whole !== undefined && inPieces !== undefined) {
        assertSameText(JSON.stringify(whole), JSON.stringify(inPieces));
      }
      for (const { data } of whole ?? []) assertTrue(data.length <= MAX_CHARS, "an event that is too long");
    },
  },
  {
    name: "webhook-file",
    seeds: () =>
      [
        '{"webhooks":[]}',
        '{"webhooks":[{"name":"ci","url":"https://ci.example/h","secretFile":"s","events":"entries"}]}',
        '{"webhooks":[{"name":"a","url":"http://10.0.0.1/","secretFile":"s","events":"checkpoints","network":"private","from":1}]}',
      ].map(bytesOf),
    run(input) {
      for (const { url, network } of parseWebhookFile(textOf(input))) {
        const { protocol, username, password } = new URL(url);
        assertTrue(username + password === "", "credentials");
        assertTrue(protocol === "https:" || (protocol === "http:" && network === "private"), protocol);
      }
    },
  },
];

function parsed(stream: Uint8Array, pieceBytes: number) {
  const next = eventParser(MAX_CHARS);
  const events = [];
  for (let at = 0; at < stream.length; at += pieceBytes) {
    const more = next(stream.subarray(at, at + pieceBytes));
    if (more === undefined) return undefined;
    events.push(...more);
  }
  return events;
}
