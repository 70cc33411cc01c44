/** The client against a log that answers as mutations want: it refuses, or what it says is true. */
import { type LogClient, openLogClient } from "../../../client/log-client.ts";
import { createLogApp } from "../../../src/http/app.ts";
import { leafHash } from "../../../src/merkle/hash.ts";
import { parseTlogProof } from "../../../src/tlog/proof.ts";
import { entryAt, memoryLog } from "../memory-log.ts";
import { assertTrue, Fault, type Target } from "../target.ts";

const ENTRIES = 300;

let served: ReturnType<typeof serve> | undefined;

async function serve() {
  const { log, vkey } = await memoryLog(ENTRIES);
  return { vkey, app: createLogApp({ log, writeAccess: { mode: "loopback" }, version: "0" }) };
}

/**
 * An input is what the client asks (its first byte), for which entry (its second), and changes of 6 bytes each: of which answer, in
 * what way, and four bytes for it.
 */
export const CLIENT: readonly Target[] = [
  {
    name: "client",
    seeds: () =>
      QUESTIONS.flatMap((_, at) => [
        Uint8Array.of(at, 17),
        Uint8Array.of(at, 200, 0, 1, 0, 40, 1, 0),
        Uint8Array.of(at, 44, 1, 4, 0, 0, 0, 0),
      ]),
    async run(input) {
      served ??= serve();
      const { app, vkey } = await served;
      let answers = 0; // owned by fetch
      const bodies: Uint8Array<ArrayBuffer>[] = [];
      const client = openLogClient({
        url: "http://127.0.0.1",
        vkey,
        retry: { maxAttempts: 2 },
        sleep: () => Promise.resolve(),
        random: () => 0,
        now: () => 1_700_000_000_000,
        timeoutMs: 1000,
        fetch: async (url, init) => {
          const answer = await app.fetch(new Request(url, init as RequestInit));
          const body = new Uint8Array(await answer.arrayBuffer());
          bodies.push(body);
          const changed = changedBy(input, answers, { status: answer.status, body, bodies });
          answers += 1;
          return new Response(changed.body, { status: changed.status, headers: answer.headers });
        },
      });
      const question = QUESTIONS[(input[0] ?? 0) % QUESTIONS.length];
      if (question === undefined) throw new Fault("no question");
      await question(client, (input[1] ?? 0) % ENTRIES);
    },
  },
];

const QUESTIONS: readonly ((client: LogClient, leafIndex: number) => Promise<void>)[] = [
  async (client) => {
    const { treeSize } = await client.checkpoint();
    assertTrue(treeSize === ENTRIES, `a head of size ${treeSize}`);
  },
  async (client, leafIndex) => {
    const { entry } = await client.entry(leafIndex);
    assertEntry(leafIndex, entry);
  },
  async (client, leafIndex) => {
    let next = leafIndex;
    for await (const one of client.entries({ start: leafIndex, end: Math.min(ENTRIES, leafIndex + 60) })) {
      assertTrue(one.leafIndex === next, "entries out of order");
      assertEntry(next, one.entry);
      next += 1;
    }
  },
  async (client, leafIndex) => {
    const receipt = await client.receipt(leafIndex, { entry: entryAt(leafIndex) });
    assertTrue(parseTlogProof(receipt.text).leafIndex === leafIndex, "a receipt of another entry");
  },
  async (client, leafIndex) => {
    await client.inclusion({ leafIndex, treeSize: ENTRIES });
  },
  async (client, leafIndex) => {
    await client.consistency({ fromSize: leafIndex + 1, toSize: ENTRIES });
  },
  async (client, leafIndex) => {
    const found = await client.lookup(leafHash(entryAt(leafIndex)));
    assertTrue(found === undefined || found === leafIndex, `found ${leafIndex} at ${found}`);
  },
];

function assertEntry(leafIndex: number, entry: Uint8Array): void {
  if (Buffer.compare(entry, entryAt(leafIndex)) !== 0) throw new Fault(`entry ${leafIndex} is another one`);
}

interface Answer {
  readonly status: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

function changedBy(
  input: Uint8Array,
  which: number,
  { status, body, bodies }: Answer & { readonly bodies: readonly Uint8Array<ArrayBuffer>[] },
): Answer {
  let answer: Answer = { status, body };
  for (let at = 2; at + 6 <= input.length; at += 6) {
    const [of = 0, way = 0, ...values] = input.subarray(at, at + 6);
    if (of % 16 !== which) continue;
    answer = WAYS[way % WAYS.length]?.(answer, values, bodies) ?? answer;
  }
  return answer;
}

type Way = (answer: Answer, values: readonly number[], bodies: readonly Uint8Array<ArrayBuffer>[]) => Answer;

const WAYS: readonly Way[] = [
  ({ body }, [a = 0, b = 0]) => ({
    status: [200, 206, 400, 403, 404, 418, 429, 500, 502, 503][(a + b) % 10] ?? 200,
    body,
  }),
  ({ status, body }, [a = 0, b = 0, c = 0]) => {
    const copy = body.slice();
    const at = (a * 256 + b) % Math.max(1, copy.length);
    if (copy.length > 0) copy[at] = (copy[at] ?? 0) + c;
    return { status, body: copy };
  },
  ({ status, body }, [a = 0, b = 0]) => ({ status, body: body.slice(0, (a * 256 + b) % (body.length + 1)) }),
  ({ status, body }, [a = 0, b = 0, c = 0, d = 0]) => ({
    status,
    body: new Uint8Array([...body, ...[a, b, c, d].slice(0, 1 + (a % 4))]),
  }),
  ({ status, body }, [a = 0], bodies) => ({ status, body: bodies[a % Math.max(1, bodies.length)] ?? body }),
  ({ status }, [a = 0, b = 0]) => ({ status, body: new Uint8Array((a % 4) * 65_536 + b) }),
];
