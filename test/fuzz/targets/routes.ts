/** Every route, by whole requests: nothing a client sends may end in 500, or in an answer that is not one. */
import { createAdminApp, createLogApp } from "../../../src/http/app.ts";
import type { HttpApp } from "../../../src/http/create-app.ts";
import { Problem } from "../../../src/http/schemas.ts";
import { createWitnessApp } from "../../../src/http/witness.ts";
import type { Log } from "../../../src/log/log.ts";
import { originHash } from "../../../src/tlog/origin-hash.ts";
import { formatSignSubtree } from "../../../src/tlog/sign-subtree.ts";
import { known, testLog, testWitness } from "../../witness/harness.ts";
import { memoryLog } from "../memory-log.ts";
import { vectorInputs } from "../seeds.ts";
import { assertTrue, bytesOf, Fault, type Target } from "../target.ts";

/** After so many a log begins anew, or it would keep all that was added. */
const RUNS_PER_LOG = 5_000;
const ENTRIES = 300;

interface Served {
  readonly app: Pick<HttpApp, "fetch">;
  readonly failures: unknown[];
}

/** Opens what is asked, once, and again after many runs. */
function renewed<T>(open: () => Promise<T>, close: (opened: T) => Promise<void>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  let runs = 0;
  return async () => {
    runs += 1;
    if (opened !== undefined && runs % RUNS_PER_LOG === 0) {
      await close(await opened);
      opened = undefined;
    }
    opened ??= open();
    return await opened;
  };
}

const serveLog = renewed(
  async (): Promise<Served & { readonly log: Log }> => {
    const { log } = await memoryLog(ENTRIES);
    const failures: unknown[] = [];
    const onError = ({ error }: { readonly error: unknown }) => void failures.push(error);
    const app = createLogApp({ log, writeAccess: { mode: "loopback" }, version: "0", onError });
    app.route("/admin", createAdminApp({ log, onError }));
    return { log, app, failures };
  },
  ({ log }) => log.close(),
);

const ORIGIN = "log.example/fuzz";

const serveWitness = renewed(
  async (): Promise<Served> => {
    const log = await testLog(ORIGIN);
    const { witness } = await testWitness([known(log)]);
    const failures: unknown[] = [];
    const app = createWitnessApp({
      witness,
      version: "0",
      onError: ({ error }) => void failures.push(error),
    });
    return { app, failures };
  },
  async () => {},
);

export const ROUTES: readonly Target[] = [
  {
    name: "log-routes",
    seeds: logRequests,
    async run(input) {
      const served = await serveLog();
      const before = served.log.integratedSize();
      const { method } = await exchange(served, input);
      if (method !== "POST") assertTrue(served.log.integratedSize() === before, `${method} added an entry`);
    },
  },
  {
    name: "witness-routes",
    seeds: witnessRequests,
    run: async (input) => await exchange(await serveWitness(), input),
  },
];

/** "GET /checkpoint\nName: value\n\nbody" */
async function exchange({ app, failures }: Served, input: Uint8Array): Promise<{ readonly method: string }> {
  const head = Buffer.from(input).indexOf("\n\n");
  const lines = Buffer.from(input.subarray(0, head < 0 ? input.length : head))
    .toString("latin1")
    .split("\n");
  const [method = "", target = "/"] = (lines.shift() ?? "").split(" ");
  const body = head < 0 ? new Uint8Array() : input.slice(head + 2);
  const request = requestOf(method, target, { lines, body });
  if (request === undefined) return { method };
  const incoming = { url: target, httpVersion: "1.1", rawHeaders: [] };
  failures.length = 0;
  const response = await app.fetch(request, { incoming });
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (response.status === 500) throw failures[0] ?? new Fault("500 without a cause");
  const declared = response.headers.get("Content-Length");
  if (declared !== null && method !== "HEAD" && response.status !== 304) {
    assertTrue(Number(declared) === bytes.length, `Content-Length ${declared} of ${bytes.length} bytes`);
  }
  if (response.headers.get("Content-Type") === "application/problem+json" && method !== "HEAD") {
    const problem = Problem.parse(JSON.parse(Buffer.from(bytes).toString()));
    assertTrue(
      problem.status === response.status,
      `status ${response.status}, in the body ${problem.status}`,
    );
    assertTrue(response.headers.get("Cache-Control") === "no-store", "an error that caches keep");
  }
  return { method: request.method };
}

/** Undefined for what the HTTP parser refuses before any route sees it. */
function requestOf(
  method: string,
  target: string,
  { lines, body }: { readonly lines: readonly string[]; readonly body: Uint8Array<ArrayBuffer> },
): Request | undefined {
  try {
    const headers = new Headers();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    const url = new URL(target.startsWith("/") ? `http://127.0.0.1${target}` : "http://127.0.0.1/");
    const mayHaveBody = method !== "GET" && method !== "HEAD";
    return new Request(url, { method, headers, ...(mayHaveBody && { body }) });
  } catch {
    return undefined;
  }
}

const READS = [
  "/checkpoint",
  "/tile/0/000",
  "/tile/0/001.p/44",
  "/tile/1/000.p/1",
  "/tile/entries/000",
  "/tile/entries/001.p/44",
  "/entry/17",
  "/receipt/17",
  "/proof/inclusion?leafIndex=17&treeSize=300",
  "/proof/inclusion-batch?leafIndices=1,2,17&treeSize=300",
  "/proof/consistency?from=17&to=300",
  "/log.json",
  "/openapi.json",
  "/admin/healthz",
  "/admin/readyz",
  `/lookup/${"0a".repeat(32)}`,
];

function logRequests(): readonly Uint8Array[] {
  return [
    ...READS.map((path) => `GET ${path}\n\n`),
    "HEAD /checkpoint\nIf-None-Match: *\n\n",
    'GET /tile/entries/000\nAccept-Encoding: gzip;q=0.5, *\nIf-None-Match: "a", W/"b"\n\n',
    "OPTIONS /tile/0/000\nAccess-Control-Request-Method: GET\n\n",
    "POST /add\n\nhello",
    "POST /add\nAccept: application/json\nContent-Length: 5\n\nhello",
    "POST /add\nAccept: text/x.tlog.proof\nPrefer: wait=1\n\nreceipt",
    "POST /add\nContent-Encoding: gzip\nOrigin: https://evil.example\n\nx",
    "POST /add-batch\nContent-Type: application/octet-stream\n\n\0\x03one\0\x03two",
    "PUT /add\n\n",
  ].map(bytesOf);
}

async function witnessRequests(): Promise<readonly Uint8Array[]> {
  const log = await testLog(ORIGIN);
  const hash = originHash(ORIGIN);
  const joined = (head: string, body: Uint8Array) => new Uint8Array(Buffer.concat([bytesOf(head), body]));
  const subtree = formatSignSubtree({
    start: 0,
    end: 8,
    hash: log.tree.hash(0, 8),
    proof: log.tree.subtreeProof(0, 8, 20),
    checkpoint: await log.note(20),
  });
  const [evidence = new Uint8Array()] = vectorInputs("fork-evidence.json", "evidence");
  return [
    joined("POST /add-checkpoint\n\n", await log.request(0, 12)),
    joined("POST /add-checkpoint\n\n", await log.request(12, 20)),
    joined("POST /add-checkpoint\n\n", await log.forkedAt(3).request(0, 12)),
    joined("POST /sign-subtree\nContent-Length: 10\n\n", subtree),
    joined(`POST /${hash}/evidence\n\n`, evidence),
    ...[
      `GET /${hash}/checkpoint\n\n`,
      `GET /${hash}/evidence\n\n`,
      `GET /${hash}/evidence/${"0a".repeat(32)}\n\n`,
      "GET /witness.json?after=x&limit=3\n\n",
      "GET /openapi.json\n\n",
      "OPTIONS /add-checkpoint\n\n",
    ].map(bytesOf),
  ];
}
