import type { FetchFunction } from "../../client/fetcher.ts";
import type { WitnessOptions } from "../../src/log/witness-options.ts";
import { verifyConsistency } from "../../src/merkle/consistency.ts";
import {
  type AddCheckpointRequest,
  formatCosignatureLines,
  formatSizeConflict,
  parseAddCheckpoint,
} from "../../src/tlog/add-checkpoint.ts";
import { parseCheckpoint } from "../../src/tlog/checkpoint.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../../src/tlog/cosignature.ts";
import { openCosignerKey } from "../../src/tlog/cosigner.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, type KeyType } from "../../src/tlog/key.ts";
import { noteSignature, parseNote } from "../../src/tlog/note.ts";
import { parsePolicy } from "../../src/tlog/policy.ts";

type Answer = (ask: {
  readonly request: AddCheckpointRequest;
  /** What an honest witness says; records that it said it. */
  readonly honest: () => Promise<Response>;
  readonly signal: AbortSignal;
}) => Response | Promise<Response>;

/** A witness of one log in memory: it signs truly and remembers, unless it is told to misbehave. */
export interface StubWitness {
  readonly name: string;
  /** "witness NAME VKEY URL" a key. */
  readonly policyLines: readonly string[];
  readonly fetch: FetchFunction;
  readonly requests: AddCheckpointRequest[];
  /** Size 0: never cosigned. */
  readonly head: { readonly treeSize: number; readonly rootHash: Uint8Array | undefined };
  /** Statuses of honest answers. */
  readonly statuses: number[];
  /** What it answers instead; undefined: it is honest. */
  answer: Answer | undefined;
  /** POSIX seconds. */
  clock: () => number;
}

export async function stubWitness(
  name: string,
  options: { readonly isPostQuantum?: boolean } = {},
): Promise<StubWitness> {
  const seed = new Uint8Array(32);
  seed.set(encodeUtf8(name));
  const types: readonly KeyType[] =
    options.isPostQuantum === true ? [COSIGNATURE_V1, ML_DSA_44] : [COSIGNATURE_V1];
  const keys = await Promise.all(
    types.map(async (type) =>
      openCosignerKey(formatSigningKey(await generateSigningKey({ name: `${name}.example`, type, seed }))),
    ),
  );
  let head: StubWitness["head"] = { treeSize: 0, rootHash: undefined };

  async function honest(request: AddCheckpointRequest): Promise<Response> {
    const { text } = parseNote(request.checkpoint);
    const { treeSize, rootHash } = parseCheckpoint(decodeUtf8(text));
    if (request.oldSize !== head.treeSize) {
      return respond(409, formatSizeConflict(head.treeSize), "text/x.tlog.size");
    }
    try {
      if (head.rootHash !== undefined && head.treeSize > 0) {
        const from = { fromSize: head.treeSize, fromRoot: head.rootHash };
        verifyConsistency({ ...from, toSize: treeSize, toRoot: rootHash, proof: request.proof });
      }
    } catch {
      return respond(422);
    }
    head = { treeSize, rootHash };
    const timestampSeconds = stub.clock();
    const lines = await Promise.all(
      keys.map(async (key) =>
        noteSignature(key.verifierKey, await key.cosign({ timestampSeconds, checkpointText: text })),
      ),
    );
    return respond(200, formatCosignatureLines(lines));
  }

  const stub: StubWitness = {
    name,
    policyLines: keys.map(({ verifierKey }, index) => {
      const suffix = index === 0 ? "" : "-pq";
      return `witness ${name}${suffix} ${formatVerifierKey(verifierKey)} http://${name}.example/`;
    }),
    requests: [],
    statuses: [],
    answer: undefined,
    clock: () => Math.floor(Date.now() / 1000),
    get head() {
      return head;
    },
    async fetch(_url, { method, body, signal }) {
      if (method === "GET") return respond(404); // it offers no monitoring
      const request = parseAddCheckpoint(body ?? new Uint8Array(0));
      stub.requests.push(request);
      const honestly = async () => {
        const response = await honest(request);
        stub.statuses.push(response.status);
        return response;
      };
      return await (stub.answer?.({ request, honest: honestly, signal }) ?? honestly());
    },
  };
  return stub;
}

export function respond(status: number, body: Uint8Array | string = "", type = "text/plain"): Response {
  return new Response(typeof body === "string" ? body : new Uint8Array(body), {
    status,
    headers: { "Content-Type": type },
  });
}

/** Never answers; ends when the request is given up. */
export function hang({ signal }: { readonly signal: AbortSignal }): Promise<Response> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** The policy "this log, and `threshold` of these witnesses", its options made for tests: no wait is long. */
export function witnessed(
  vkey: string,
  witnesses: readonly StubWitness[],
  options: Partial<WitnessOptions> & { readonly quorum?: string } = {},
): WitnessOptions {
  const { quorum = `group q 2 ${witnesses.map(({ name }) => name).join(" ")}\nquorum q`, ...rest } = options;
  const lines = [`log ${vkey}`, ...witnesses.flatMap(({ policyLines }) => policyLines), quorum, ""];
  return {
    policy: parsePolicy(lines.join("\n")),
    mode: "strict",
    fetchFor: ({ url }) => witnesses.find(({ name }) => url === `http://${name}.example/`)?.fetch,
    timeoutMs: 5_000,
    refreshIntervalMs: 300_000,
    closingMs: 50,
    backoff: { firstDelayMs: 2, maxDelayMs: 10 },
    clock: Date.now,
    random: () => 1,
    ...rest,
  };
}
