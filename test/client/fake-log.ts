import type { FetchFunction } from "../../client/fetcher.ts";
import { signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { encodeHex } from "../../src/tlog/encoding.ts";
import { encodeBundle, entryCount, entryOf, parseEntryBlock } from "../../src/tlog/entry-bundle.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  type NoteSigner,
  openSigner,
} from "../../src/tlog/key.ts";
import { formatTlogProof } from "../../src/tlog/proof.ts";
import { parseBundlePath, parseTilePath } from "../../src/tlog/tile.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";

/** A log without network or storage, on the naive reference tree. Tests bend it by answering paths themselves. */
export interface FakeLog {
  readonly origin: string;
  readonly vkey: string;
  readonly url: string;
  readonly signer: NoteSigner;
  readonly entries: Uint8Array[];
  /** Signs a head of the first `size` entries and shows it from now on. Default: all entries. */
  publish(size?: number): Promise<Uint8Array>;
  /** The receipt of an entry in the published tree. */
  receipt(leafIndex: number): string;
  readonly fetch: FetchFunction;
  /** Paths asked for so far, without a leading slash. */
  readonly paths: string[];
  readonly requests: { readonly path: string; readonly init: Parameters<FetchFunction>[1] }[];
  /** Asked first; undefined lets the log answer. */
  intercept: (path: string, init: Parameters<FetchFunction>[1]) => Response | undefined | Promise<Response>;
  /** Answer 404 for a partial tile or bundle as soon as the full one exists. */
  dropsPartials: boolean;
  /** Publish each time entries are appended. */
  publishesAtOnce: boolean;
}

export async function openFakeLog(
  options: {
    readonly origin?: string;
    /** Logs with the same seed and origin have the same key: two of them are a fork. */
    readonly seed?: number;
    readonly entries?: readonly Uint8Array[];
    /** Only checkpoint, tiles and bundles. */
    readonly tilesOnly?: boolean;
    readonly signers?: readonly NoteSigner[];
  } = {},
): Promise<FakeLog> {
  const origin = options.origin ?? "log.example/test";
  const key = await generateSigningKey({ name: origin, seed: new Uint8Array(32).fill(options.seed ?? 1) });
  const signer = await openSigner(formatSigningKey(key));
  const entries = [...(options.entries ?? [])];
  let tree = new ReferenceTree([]);
  let published = { size: 0, checkpoint: new Uint8Array(0) as Uint8Array };

  function allHashes(): ReferenceTree {
    if (tree.leafHashes.length !== entries.length) tree = new ReferenceTree(entries.map(leafHashOf));
    return tree;
  }

  function tile(path: string): Uint8Array | undefined {
    const { level, index, width } = parseTilePath(path);
    const span = 256 ** level;
    const first = index * 256;
    if ((first + width) * span > published.size) return undefined;
    if (log.dropsPartials && width < 256 && (first + 256) * span <= published.size) return undefined;
    const hashes = Array.from({ length: width }, (_, at) =>
      allHashes().hash((first + at) * span, (first + at + 1) * span),
    );
    return Buffer.concat(hashes);
  }

  function bundle(path: string): Uint8Array | undefined {
    const { index, width } = parseBundlePath(path);
    const first = index * 256;
    if (first + width > published.size) return undefined;
    if (log.dropsPartials && width < 256 && first + 256 <= published.size) return undefined;
    return encodeBundle(entries.slice(first, first + width));
  }

  async function append(added: readonly Uint8Array[]) {
    const appended = added.map((entry) => {
      const known = entries.findIndex((other) => Buffer.compare(entry, other) === 0);
      if (known === -1) entries.push(entry);
      return { leafIndex: known === -1 ? entries.length - 1 : known, duplicate: known !== -1 };
    });
    if (log.publishesAtOnce) await log.publish();
    return appended;
  }

  async function answerWrite(path: string, body: Uint8Array, accept: string): Promise<Response> {
    if (path === "add-batch") {
      const block = parseEntryBlock(body, { maxEntries: 1000 });
      const appended = await append(Array.from({ length: entryCount(block) }, (_, at) => entryOf(block, at)));
      return Response.json({
        leafIndices: appended.map(({ leafIndex }) => leafIndex),
        duplicates: appended.flatMap(({ duplicate }, at) => (duplicate ? [at] : [])),
      });
    }
    const [{ leafIndex, duplicate }] = (await append([body])) as [{ leafIndex: number; duplicate: boolean }];
    if (accept.startsWith("text/x.tlog.proof")) {
      if (leafIndex >= published.size) return new Response(`${leafIndex}`, { status: 202 });
      return new Response(log.receipt(leafIndex), { headers: { "content-type": "text/x.tlog.proof" } });
    }
    return Response.json({ leafIndex, leafHash: encodeHex(leafHashOf(body)), duplicate });
  }

  function answerRead(path: string): Response {
    const [route = "", value = ""] = path.split("/");
    if (path === "checkpoint") return bytes(published.checkpoint);
    if (path.startsWith("tile/entries/")) return bytes(bundle(path));
    if (route === "tile") return bytes(tile(path));
    if (options.tilesOnly === true) return new Response("not found", { status: 404 });
    if (route === "lookup") {
      const leafIndex = entries.findIndex((entry) => encodeHex(leafHashOf(entry)) === value);
      return leafIndex === -1 ? problem("ENTRY_UNKNOWN") : Response.json({ leafIndex });
    }
    if (Number(value) >= entries.length) return problem("ENTRY_UNKNOWN");
    if (Number(value) >= published.size) return problem("NOT_PUBLISHED");
    if (route === "entry") return bytes(entries[Number(value)]);
    if (route === "receipt") return new Response(log.receipt(Number(value)));
    return new Response("not found", { status: 404 });
  }

  const log: FakeLog = {
    origin,
    vkey: formatVerifierKey(signer.verifierKey),
    url: "https://log.example/test",
    signer,
    entries,
    paths: [],
    requests: [],
    intercept: () => undefined,
    dropsPartials: false,
    publishesAtOnce: true,
    publish: async (size = entries.length) => {
      const head = { origin, treeSize: size, rootHash: allHashes().root(size), extensions: [] };
      published = { size, checkpoint: await signCheckpoint(head, [signer, ...(options.signers ?? [])]) };
      return published.checkpoint;
    },
    receipt: (leafIndex) => {
      const proof = allHashes().path(leafIndex, 0, published.size);
      return formatTlogProof({ leafIndex, proof, checkpoint: published.checkpoint });
    },
    fetch: async (url, init) => {
      const path = url.slice("https://log.example/test/".length);
      log.paths.push(path);
      log.requests.push({ path, init });
      const bent = await log.intercept(path, init);
      if (bent !== undefined) return bent;
      if (init.method === "GET") return answerRead(path);
      return answerWrite(path, init.body ?? new Uint8Array(0), init.headers.accept ?? "");
    },
  };
  await log.publish();
  return log;
}

export function problem(code: string, status = 404, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ code }), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

function bytes(body: Uint8Array | undefined): Response {
  return body === undefined ? new Response("not found", { status: 404 }) : new Response(new Uint8Array(body));
}

/** "entry <from>", "entry <from + 1>", … */
export function numbered(count: number, from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => new TextEncoder().encode(`entry ${from + at}`));
}
