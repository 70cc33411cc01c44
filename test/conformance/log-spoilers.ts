import type { ProbeAnswer, ProbeRequest } from "../../src/conformance/probe.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import type { Spoil } from "./log-under-test.ts";

/** What breaks one case, and the log it is tried on. */
export interface Spoiler {
  /** Default 300: a full tile and a partial one. */
  readonly size?: number;
  /** Cases that have to be run before. */
  readonly after?: readonly string[];
  readonly spoil: Spoil;
}

/** By case. */
export const SPOILERS: Readonly<Record<string, Spoiler>> = {
  // The checkpoint, as it is served
  "checkpoint-is-served": answering("checkpoint", 404),
  "checkpoint-type": header("checkpoint", "content-type", "text/plain"),
  "checkpoint-encoding": header("checkpoint", "content-encoding", "gzip"),
  "checkpoint-encoding-unasked": header("checkpoint", "content-encoding", "gzip"),
  "checkpoint-caching": header("checkpoint", "cache-control", "max-age=60"),
  "checkpoint-head": onMethod("HEAD", answerOf(405)),
  "checkpoint-cors": header("checkpoint", "access-control-allow-origin", undefined),
  "checkpoint-post": onMethod("POST", answerOf(200)),
  "checkpoint-slash": answering("checkpoint/", 200),
  // Its bytes
  "note-text": checkpoint((note) => note.replace("\n", "\t\n")),
  "note-newline": checkpoint((note) => note.slice(0, -1)),
  "note-lines": checkpoint((note) => note.replace("— ", "- ")),
  "note-base64": checkpoint((note) => note.replace(/[A-Za-z0-9+/]=\n$/, withPaddingBits)),
  "note-count": checkpoint((note) => note + `${note.split("\n\n")[1]}`.repeat(16)),
  "checkpoint-lines": checkpoint((note) => note.replace("\n", "\n\n")),
  "origin-form": checkpoint((note) => `https://${note}`),
  "checkpoint-size": checkpoint((note) => note.replace("\n", "\n0")),
  "checkpoint-root": checkpoint((note) => note.replace(/[A-Za-z0-9+/]=\n\n/, withPaddingBits)),
  "checkpoint-extensions": checkpoint((note) => note.replace("\n\n", "\nmore\n\n")),
  "empty-root": { size: 0, ...checkpoint((note) => note.replace("47DE", "47DF")) },
  "signed-by-key": checkpoint((note) => note.replace("\n300\n", "\n301\n")),
  "signed-ed25519": checkpoint((note) => note.replace("\n300\n", "\n301\n")),
  "key-name": checkpoint((note) => note.replace("— ", "— other/")),
  // What it says later
  "later-consistent": firstCheckpoint((note) => note.replace(/\n300\n..../, "\n299\nAAAA")),
  "older-partials": {
    spoil: async (request, exchange) => {
      if (isFirst(request))
        return changed(await exchange(request), (note) => note.replace("\n300\n", "\n290\n"));
      return /\.p\/34$|^tile\/0\/001$/.test(request.path) ? NOT_FOUND : await exchange(request);
    },
  },
  // Tiles
  "edge-is-served": answering("tile/0/001.p/44", 404),
  "edge-root": flipping("tile/0/001.p/44"),
  "full-is-served": truncating("tile/0/000"),
  "full-hashes": flipping("tile/0/000"),
  "first-full": truncating("tile/0/000"),
  "partial-of-full": flipping("tile/0/000.p/255"),
  "tile-type": header("tile/0/001.p/44", "content-type", "text/plain"),
  "tile-caching": header("tile/0/000", "cache-control", "no-store"),
  "partial-caching": header("tile/0/001.p/44", "cache-control", undefined),
  "tile-head": onMethod("HEAD", answerOf(404)),
  "tile-cors": header("tile/0/001.p/44", "access-control-allow-origin", "https://example.com"),
  "tile-encoding-unasked": header("tile/0/001.p/44", "content-encoding", "gzip"),
  "empty-width": answering("tile/0/001.p/0", 200),
  "empty-far": answering("tile/0/x001/x000/001", 200),
  "empty-above": answering("tile/2/000", 200),
  "absent-is-404": answering("tile/0/x001/x000/001", 403),
  "absent-above-is-404": answering("tile/2/000", 400),
  "full-before-its-time": answering("tile/0/001", 403),
  "partial-ahead": answering("tile/0/001.p/255", 403),
  // Bundles
  "bundle-exact": onBody(/^tile\/entries\/001\.p\/44$/, (body) => Uint8Array.of(...body, 0)),
  "bundle-leaves": flipping("tile/entries/001.p/44"),
  "bundle-type": header("tile/entries/001.p/44", "content-type", "application/x-bundle"),
  "bundle-caching": header("tile/entries/001.p/44", "cache-control", "max-age=60"),
  "bundle-encoding-unasked": header("tile/entries/001.p/44", "content-encoding", "br"),
  "bundle-encoding-gzip": header("tile/entries/001.p/44", "content-encoding", "br"),
  "bundle-compressed": { spoil: async ({ headers: _, ...rest }, exchange) => await exchange(rest) },
  "gzip-same": {
    spoil: async (request, exchange) => {
      const answer = await exchange(request);
      return request.headers?.["accept-encoding"] === "identity"
        ? { ...answer, body: flipped(answer.body) }
        : answer;
    },
  },
  "bundle-vary": header("tile/entries/000", "vary", undefined),
  "bundle-head": {
    spoil: async (request, exchange) => {
      const answer = await exchange(request);
      return request.method === "HEAD" ? { ...answer, body: Uint8Array.of(0) } : answer;
    },
  },
  "bundle-cors": header("tile/entries/001.p/44", "access-control-allow-origin", undefined),
  "bundle-empty-width": answering("tile/entries/001.p/0", 200),
  "bundle-empty-far": answering("tile/entries/x001/x000/001", 200),
  "bundle-absent-is-404": answering("tile/entries/x001/x000/001", 410),
  "bundle-before-its-time": answering("tile/entries/001", 400),
  "error-caching": header("tile/0/x001/x000/001", "cache-control", "public, max-age=604800, immutable"),
  "error-bundle-caching": header("tile/entries/x001/x000/001", "cache-control", "max-age=604800"),
  "error-encoding": header("tile/entries/x001/x000/001", "content-encoding", "gzip"),
  // Writing
  "add-get": answering("add", 200),
  "add-index": answering("add", 200),
  "add-is-served": { size: 250, after: ["add-index"], ...flipping(/^tile\/entries\/000\.p\/251$/) },
  "add-growth": {
    size: 250,
    spoil: async (request, exchange) =>
      /^tile\/0\/000(\.p\/255)?$/.test(request.path) ? NOT_FOUND : await exchange(request),
  },
  "add-consistent": {
    size: 250,
    after: ["add-growth"],
    ...checkpoint((note) => note.replace(/\n250\n..../, "\n250\nAAAA")),
  },
  "add-too-large": {
    spoil: async (request, exchange) =>
      (request.body?.length ?? 0) > 65_535 ? answerOf(200) : await exchange(request),
  },
  "push-back": { after: ["add-index"], ...answering("add", 503) },
};

/** What breaks every case about another spelling of a path: a server that takes it for the tile. */
export const LENIENT: Spoiler = {
  spoil: async (request, exchange) => {
    const answer = await exchange(request);
    return request.path === "checkpoint" || answer.status === 200 ? answer : TILE;
  },
};

const NOT_FOUND = answerOf(404);
const TILE = answerOf(200);

function answerOf(status: number): ProbeAnswer {
  return { status, headers: new Map(), body: new Uint8Array(32) };
}

function answering(path: string, status: number): Spoiler {
  return {
    spoil: async (request, exchange) => (request.path === path ? answerOf(status) : await exchange(request)),
  };
}

function onMethod(method: string, answer: ProbeAnswer): Spoiler {
  return {
    spoil: async (request, exchange) => (request.method === method ? answer : await exchange(request)),
  };
}

/** @param value - undefined: without the field. */
function header(path: string, name: string, value: string | undefined): Spoiler {
  return {
    spoil: async (request, exchange) => {
      const answer = await exchange(request);
      if (request.path !== path) return answer;
      const headers = new Map(answer.headers);
      if (value === undefined) headers.delete(name);
      else headers.set(name, value);
      return { ...answer, headers };
    },
  };
}

function onBody(path: RegExp, change: (body: Uint8Array) => Uint8Array): Spoiler {
  return {
    spoil: async (request, exchange) => {
      const answer = await exchange(request);
      return path.test(request.path) ? { ...answer, body: change(answer.body) } : answer;
    },
  };
}

function flipping(path: string | RegExp): Spoiler {
  return onBody(typeof path === "string" ? exactly(path) : path, flipped);
}

function truncating(path: string): Spoiler {
  return onBody(exactly(path), (body) => body.subarray(0, -1));
}

function exactly(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(".", "\\.")}$`);
}

function flipped(body: Uint8Array): Uint8Array {
  return body.map((byte, at) => (at === body.length - 1 ? 255 - byte : byte));
}

function checkpoint(change: (note: string) => string): Spoiler {
  return {
    spoil: async (request, exchange) => {
      const answer = await exchange(request);
      return request.path === "checkpoint" ? changed(answer, change) : answer;
    },
  };
}

function firstCheckpoint(change: (note: string) => string): Spoiler {
  return {
    spoil: async (request, exchange) => {
      const answer = await exchange(request);
      return isFirst(request) ? changed(answer, change) : answer;
    },
  };
}

function isFirst({ path, headers }: ProbeRequest): boolean {
  return path === "checkpoint" && headers?.["cache-control"] === undefined;
}

function changed(answer: ProbeAnswer, change: (note: string) => string): ProbeAnswer {
  return { ...answer, body: encodeUtf8(change(new TextDecoder().decode(answer.body))) };
}

/** "A=" becomes "B=": the bits before the padding were 0, and are not. */
function withPaddingBits(end: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return `${alphabet.charAt(alphabet.indexOf(end.charAt(0)) + 1)}${end.slice(1)}`;
}
