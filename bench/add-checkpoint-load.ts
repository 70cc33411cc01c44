/** add-checkpoint requests made beforehand, the same for every witness, and their times. */
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { formatAddCheckpoint } from "../src/tlog/add-checkpoint.ts";
import { formatCheckpoint } from "../src/tlog/checkpoint-body.ts";
import { encodeUtf8 } from "../src/tlog/encoding.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  type NoteSigner,
  openSigner,
} from "../src/tlog/key.ts";
import { signNote } from "../src/tlog/note.ts";
import { leafHashOf, ReferenceTree } from "../test/reference/merkle.ts";

/** Before the first measured request, so that proofs are as long as those of a log that lives. */
const FIRST_SIZE = 1_000;

/** A log that grows by one entry with every request. */
export interface LoadLog {
  readonly origin: string;
  readonly vkey: string;
  /** In order; the first takes a witness from nothing to 1,000 entries. */
  readonly requests: readonly Uint8Array[];
}

export interface Load {
  /** One request of each log is under way at a time. */
  readonly connections: number;
  readonly logs: readonly LoadLog[];
}

/** The trees of all logs are the same, and their keys follow from their names: another run makes the same requests. */
export async function makeLoads(
  plan: readonly { readonly connections: number; readonly perLog: number }[],
): Promise<readonly Load[]> {
  const most = Math.max(...plan.map(({ perLog }) => perLog));
  const leaves = Array.from({ length: FIRST_SIZE + most }, (_, index) =>
    leafHashOf(encodeUtf8(`entry ${index}`)),
  );
  const tree = new ReferenceTree(leaves);
  return await Promise.all(
    plan.map(async ({ connections, perLog }) => {
      const origins = Array.from({ length: connections }, (_, index) => `bench.test/${connections}/${index}`);
      return {
        connections,
        logs: await Promise.all(origins.map((origin, index) => makeLog(tree, { origin, index, perLog }))),
      };
    }),
  );
}

async function makeLog(
  tree: ReferenceTree,
  { origin, index, perLog }: { readonly origin: string; readonly index: number; readonly perLog: number },
): Promise<LoadLog> {
  const seed = new Uint8Array(32).fill(index + 1);
  const signer = await openSigner(formatSigningKey(await generateSigningKey({ name: origin, seed })));
  const requests = [await makeRequest(tree, signer, { oldSize: 0, treeSize: FIRST_SIZE })];
  for (let done = 0; done < perLog; done += 1) {
    const oldSize = FIRST_SIZE + done;
    requests.push(await makeRequest(tree, signer, { oldSize, treeSize: oldSize + 1 }));
  }
  return { origin, vkey: formatVerifierKey(signer.verifierKey), requests };
}

async function makeRequest(
  tree: ReferenceTree,
  signer: NoteSigner,
  { oldSize, treeSize }: { readonly oldSize: number; readonly treeSize: number },
): Promise<Uint8Array> {
  const origin = signer.verifierKey.name;
  const text = formatCheckpoint({ origin, treeSize, rootHash: tree.root(treeSize), extensions: [] });
  return formatAddCheckpoint({
    oldSize,
    proof: oldSize === 0 ? [] : tree.proof(oldSize, treeSize),
    checkpoint: await signNote(encodeUtf8(text), [signer]),
  });
}

export interface LoadResult {
  readonly perSecond: number;
  /** From a request's first sending to its cosignature, refusals between them included, in milliseconds. */
  readonly times: readonly number[];
  /** Answers 429 and 503, after which the same request was sent again some 5 ms later. */
  readonly refusals: number;
}

/** Sends requests [start, end) of every log, each log's one after the other. @throws {Error} any answer but 200, 429 and 503 */
export async function sendLoad(
  url: string,
  { connections, logs }: Load,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const times: number[] = [];
  let refusals = 0;
  const lane = async ({ requests }: LoadLog): Promise<void> => {
    for (const body of requests.slice(start, end)) {
      const sentAt = performance.now();
      for (;;) {
        const status = await post(`${url}/add-checkpoint`, agent, body);
        if (status === 200) {
          times.push(performance.now() - sentAt);
          break;
        }
        if (status !== 429 && status !== 503) throw new Error(`${url}: answered ${status}`);
        refusals += 1;
        await pause(1 + Math.random() * 9);
      }
    }
  };
  const startedAt = performance.now();
  await Promise.all(logs.map(lane));
  const perSecond = (times.length * 1000) / (performance.now() - startedAt);
  agent.destroy();
  return { perSecond, times, refusals };
}

function post(url: string, agent: Agent, body: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: "POST", agent, headers: { "Content-Length": body.length } },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode ?? 0));
        answer.on("error", reject);
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
