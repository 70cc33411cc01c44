/** Clients that append, and ask for receipts and checkpoints, until the log is gone; each answer goes into the ledger. */
import { Agent } from "node:http";
import { encodeBundle } from "../../src/tlog/entry-bundle.ts";
import { parseTlogProof } from "../../src/tlog/proof.ts";
import { entryNumbered } from "./entries.ts";
import { ask, type Exchanged } from "./exchange.ts";
import type { Ledger } from "./ledger.ts";

export interface Load {
  readonly url: string;
  readonly ledger: Ledger;
  readonly random: () => number;
  readonly clients: number;
  /** Aborted when the log is gone. */
  readonly signal: AbortSignal;
}

const RECEIPT = { Accept: "text/x.tlog.proof", Prefer: "wait=5" };
const MAX_BATCH = 40;

/** Resolves when all clients have ended. */
export async function load(options: Load): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const one = { ...options, agent };
  const clients = Array.from({ length: options.clients }, () => client(one));
  await Promise.all([...clients, watch(one)]);
  agent.destroy();
}

type Client = Load & { readonly agent: Agent };

async function client(at: Client): Promise<void> {
  while (!at.signal.aborted) {
    try {
      await step(at);
    } catch {
      at.ledger.counts.cut += 1;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

async function step(at: Client): Promise<void> {
  const { ledger, random } = at;
  const chance = random();
  if (chance < 0.1 && ledger.inDoubt.size > 0) {
    const [number = 0] = ledger.inDoubt;
    await add(at, number);
  } else if (chance < 0.15) {
    const placed = ledger.anyPlaced(random);
    if (placed !== undefined) await add(at, placed.number);
  } else if (chance < 0.25) await addBatch(at);
  else if (chance < 0.45) await add(at, ledger.next(), RECEIPT);
  else if (chance < 0.5) await askReceipt(at);
  else await add(at, ledger.next());
}

async function watch(at: Client): Promise<void> {
  const { url, ledger, agent } = at;
  while (!at.signal.aborted) {
    const { floor } = ledger;
    try {
      const { status, body } = await ask(`${url}/checkpoint`, { agent });
      if (status === 200) ledger.shown(body.toString(), floor);
      else ledger.violations.push(`GET /checkpoint: ${status} ${body.toString()}`);
    } catch {
      // Who only reads has lost nothing.
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function add(
  { url, ledger, agent }: Client,
  number: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const isNew = !ledger.inDoubt.delete(number) && !ledger.isPlaced(number);
  const body = entryNumbered(number);
  const answer = await ask(`${url}/add`, { agent, method: "POST", headers, body }).catch((error: unknown) => {
    ledger.doubt([number]);
    throw error;
  });
  if (answer.status === 200 && answer.type.startsWith(RECEIPT.Accept)) {
    const text = answer.body.toString();
    ledger.answered(number, parseTlogProof(text).leafIndex);
    ledger.receipt(text, number);
  } else if (answer.status === 200 || answer.status === 202) ledger.answered(number, Number(answer.body));
  else notTaken(ledger, { numbers: [number], isNew, answer });
}

async function addBatch({ url, ledger, agent, random }: Client): Promise<void> {
  const count = 1 + Math.floor(random() * MAX_BATCH);
  const numbers = Array.from({ length: count }, () => ledger.next());
  const body = encodeBundle(numbers.map(entryNumbered));
  const answer = await ask(`${url}/add-batch`, { agent, method: "POST", body }).catch((error: unknown) => {
    ledger.doubt(numbers);
    throw error;
  });
  if (answer.status !== 200) return notTaken(ledger, { numbers, isNew: true, answer });
  const { leafIndices }: { leafIndices: readonly number[] } = JSON.parse(answer.body.toString());
  for (const [at, number] of numbers.entries()) ledger.answered(number, leafIndices[at] ?? -1);
}

async function askReceipt({ url, ledger, agent, random }: Client): Promise<void> {
  const placed = ledger.anyPlaced(random);
  if (placed === undefined) return;
  const { floor } = ledger;
  const { status, body } = await ask(`${url}/receipt/${placed.index}`, { agent });
  if (status === 200) ledger.receipt(body.toString(), placed.number, floor);
  // 503: of a reader whose writer is gone.
  else if (!body.includes("NOT_PUBLISHED") && status !== 503)
    ledger.violations.push(`receipt ${placed.index}: ${status} ${body.toString()}`);
}

/** 429: not taken. 503: the log became read-only, and nobody can say. Nothing else is to be expected. */
function notTaken(
  ledger: Ledger,
  {
    numbers,
    isNew,
    answer: { status, body },
  }: { readonly numbers: readonly number[]; readonly isNew: boolean; readonly answer: Exchanged },
): void {
  if (status === 429 && isNew) ledger.refused(numbers);
  else ledger.doubt(numbers);
  if (status !== 429 && status !== 503)
    ledger.violations.push(`an add was answered with ${status} ${body.toString()}`);
}
