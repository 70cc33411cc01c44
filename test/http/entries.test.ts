import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Log } from "../../src/log/log.ts";
import { verifyConsistency } from "../../src/merkle/consistency.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { verifyInclusion } from "../../src/merkle/inclusion.ts";
import { verifyInclusionBatch } from "../../src/merkle/inclusion-batch.ts";
import { decodeHex, encodeHex } from "../../src/tlog/encoding.ts";
import { singleKeyPolicy } from "../../src/tlog/policy.ts";
import { verifyTlogProof } from "../../src/tlog/proof.ts";
import { entry, openLogOfSize, openTestLog, problemOf, replaced, testApp } from "./test-log.ts";

const hashes = z.array(z.string());
const Inclusion = z.strictObject({
  leafIndex: z.int(),
  treeSize: z.int(),
  rootHash: z.string(),
  proof: hashes,
});
const Consistency = z.strictObject({
  fromSize: z.int(),
  fromRoot: z.string(),
  toSize: z.int(),
  toRoot: z.string(),
  proof: hashes,
});
const SIZE = 300;
const IMMUTABLE = "public, max-age=31536000, immutable";
let log: Log;
let app: ReturnType<typeof testApp>;

beforeAll(async () => {
  ({ log, app } = await openLogOfSize(SIZE));
});

/** Integrated, but no checkpoint covers anything yet. */
async function openUnpublished(): Promise<ReturnType<typeof testApp>> {
  const slow = await openTestLog({ checkpointIntervalMs: 1_000_000 });
  await slow.add(entry(0));
  return testApp(slow);
}

describe("GET /entry/<index>", () => {
  test("gives the bytes, as bytes no browser interprets", async () => {
    const response = await app.request("/entry/299");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(entry(299));
    expect(response.headers.get("Content-Type")).toBe("application/octet-stream");
    expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(response.headers.get("Content-Security-Policy")).toBe("default-src 'none'; sandbox");
    expect(response.headers.get("Cache-Control")).toBe(IMMUTABLE);
  });

  test("an index past the end is not published; beyond 2^53 it cannot be", async () => {
    for (const index of ["300", "9007199254740991"]) {
      expect(await problemOf(await app.request(`/entry/${index}`))).toEqual({
        status: 404,
        code: "NOT_PUBLISHED",
      });
    }
    for (const index of ["9007199254740992", "18446744073709551616", "9".repeat(400)]) {
      expect(await problemOf(await app.request(`/entry/${index}`))).toEqual({
        status: 404,
        code: "NOT_FOUND",
      });
    }
  });

  test("an index has one spelling, for entries and receipts", async () => {
    for (const index of [
      "00",
      "007",
      "+7",
      "-1",
      "0x7",
      "1e2",
      "7.0",
      "7/",
      "/7",
      "",
      "abc",
      "%37",
      "7%20",
      "٧",
    ]) {
      for (const route of ["entry", "receipt"]) {
        expect((await app.request(`/${route}/${index}`)).status, `${route}/${index}`).toBe(404);
      }
    }
  });
});

describe("GET /lookup/<leaf hash>", () => {
  test("gives the index, for ever", async () => {
    const response = await app.request(`/lookup/${encodeHex(leafHash(entry(17)))}`);
    expect(await response.json()).toEqual({ leafIndex: 17 });
    expect(response.headers.get("Cache-Control")).toBe(IMMUTABLE);
  });

  test("an unknown hash is 404; a malformed one is 400 and says what is wanted", async () => {
    const unknown = await app.request(`/lookup/${"0".repeat(64)}`);
    expect(await problemOf(unknown)).toEqual({ status: 404, code: "ENTRY_UNKNOWN" });
    for (const hash of ["abc", "0".repeat(63), "0".repeat(65), "G".repeat(64), "A".repeat(64)]) {
      const response = await app.request(`/lookup/${hash}`);
      expect(await response.clone().text()).toContain("leafHash: want 64 lowercase hex digits, got");
      expect(await problemOf(response), hash).toEqual({ status: 400, code: "PARAMETER_INVALID" });
    }
  });
});

describe("GET /receipt/<index>", () => {
  test("verifies offline, and is asked for anew each time", async () => {
    const response = await app.request("/receipt/17");
    expect(response.headers.get("Content-Type")).toBe("text/x.tlog.proof");
    expect(response.headers.get("Cache-Control")).toBe("no-cache");
    const text = await response.text();
    expect(response.headers.get("Content-Length")).toBe(String(Buffer.byteLength(text)));
    const policy = singleKeyPolicy(log.vkeys[0]!);
    const verified = await verifyTlogProof({ receipt: text, entry: entry(17), policy });
    expect(verified).toMatchObject({ origin: log.origin, leafIndex: 17, treeSize: SIZE });
  });

  test("tells an entry that is not covered yet from one the log does not have", async () => {
    const slow = await openUnpublished();
    const pending = await slow.request("/receipt/0");
    expect(pending.headers.get("Retry-After")).toBe("1");
    expect(await problemOf(pending)).toEqual({ status: 404, code: "NOT_PUBLISHED" });
    const unknown = await slow.request("/receipt/1");
    expect(unknown.headers.get("Retry-After")).toBeNull();
    expect(await problemOf(unknown)).toEqual({ status: 404, code: "ENTRY_UNKNOWN" });
  });
});

describe("what is integrated and not signed", () => {
  test("is not shown by any read", async () => {
    const slow = await openUnpublished();
    const paths = [
      "/tile/0/000.p/1",
      "/tile/entries/000.p/1",
      "/entry/0",
      "/proof/inclusion?leafIndex=0&treeSize=1",
    ];
    for (const path of [...paths, "/proof/consistency?from=0&to=1"]) {
      expect(await problemOf(await slow.request(path)), path).toEqual({ status: 404, code: "NOT_PUBLISHED" });
    }
    const lookup = await slow.request(`/lookup/${encodeHex(leafHash(entry(0)))}`);
    expect(await problemOf(lookup)).toEqual({ status: 404, code: "ENTRY_UNKNOWN" });
  });
});

describe("GET /proof/inclusion", () => {
  test("verifies at any size, and never changes", async () => {
    for (const [leafIndex, treeSize] of [
      [0, 1],
      [17, 256],
      [255, 257],
      [299, 300],
    ] as const) {
      const response = await app.request(`/proof/inclusion?leafIndex=${leafIndex}&treeSize=${treeSize}`);
      expect(response.headers.get("Cache-Control")).toBe(IMMUTABLE);
      const answer = Inclusion.parse(await response.json());
      expect(answer).toMatchObject({ leafIndex, treeSize });
      verifyInclusion({
        leafIndex,
        treeSize,
        leafHash: leafHash(entry(leafIndex)),
        rootHash: decodeHex(answer.rootHash),
        proof: answer.proof.map(decodeHex),
      });
    }
  });
});

describe("GET /proof/inclusion-batch", () => {
  const Batch = z.object({
    treeSize: z.number(),
    leafIndices: z.array(z.number()),
    rootHash: z.string(),
    proof: z.array(z.string()),
  });

  test("proves up to a thousand leaves at any size, and never changes", async () => {
    const all = Array.from({ length: 300 }, (_, index) => index);
    for (const [leafIndices, treeSize] of [
      [[0], 1],
      [[17, 18, 255], 256],
      [[0, 255, 256], 257],
      [all.filter((index) => index % 7 === 3), 300],
      [all, 300],
    ] as const) {
      const response = await app.request(
        `/proof/inclusion-batch?leafIndices=${leafIndices.join(",")}&treeSize=${treeSize}`,
      );
      expect(response.headers.get("Cache-Control")).toBe(IMMUTABLE);
      expect(response.headers.get("Content-Type")).toBe("application/json");
      const answer = Batch.parse(await response.json());
      expect(answer).toMatchObject({ leafIndices, treeSize });
      verifyInclusionBatch({
        leafIndices,
        treeSize,
        leafHashes: leafIndices.map((leafIndex) => leafHash(entry(leafIndex))),
        rootHash: decodeHex(answer.rootHash),
        proof: answer.proof.map(decodeHex),
      });
    }
  });

  test("is refused with 503 while eight others are being made", async () => {
    const opened = await openLogOfSize(3);
    const waiting: (() => void)[] = [];
    const proveInclusionBatch = async () => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return [];
    };
    const busy = testApp(replaced(opened.log, { proveInclusionBatch }));
    const ask = () => busy.request("/proof/inclusion-batch?leafIndices=0,1&treeSize=3");
    const begun = Array.from({ length: 8 }, ask);
    expect(await problemOf(await ask())).toEqual({ status: 503, code: "SERVER_BUSY" });
    for (const go of waiting) go();
    for (const { status } of await Promise.all(begun)) expect(status).toBe(200);
  });

  test("takes no index twice, none out of order, none beyond the tree, and no more than a thousand", async () => {
    const many = Array.from({ length: 1001 }, (_, index) => index).join(",");
    for (const list of ["", "1,", "1,1", "2,1", "01", "1,300", "1%202", "1;2", many]) {
      const response = await app.request(`/proof/inclusion-batch?leafIndices=${list}&treeSize=300`);
      expect(await problemOf(response), list).toEqual({ status: 400, code: "PARAMETER_INVALID" });
    }
    const beyond = await app.request("/proof/inclusion-batch?leafIndices=1&treeSize=301");
    expect(await problemOf(beyond)).toEqual({ status: 404, code: "NOT_PUBLISHED" });
  });
});

describe("GET /proof/consistency", () => {
  test("verifies between any two sizes", async () => {
    for (const [from, to] of [
      [1, 1],
      [1, 300],
      [256, 300],
      [299, 300],
    ] as const) {
      const response = await app.request(`/proof/consistency?from=${from}&to=${to}`);
      const answer = Consistency.parse(await response.json());
      expect(answer).toMatchObject({ fromSize: from, toSize: to });
      verifyConsistency({
        fromSize: from,
        fromRoot: decodeHex(answer.fromRoot),
        toSize: to,
        toRoot: decodeHex(answer.toRoot),
        proof: answer.proof.map(decodeHex),
      });
    }
  });
});

describe("parameters of proofs", () => {
  test.each([
    ["inclusion?leafIndex=1", "treeSize: want one decimal number, got none"],
    ["inclusion?treeSize=1", "leafIndex: want one decimal number, got none"],
    ["inclusion?leafIndex=1&leafIndex=2&treeSize=3", "leafIndex: want one decimal number, got several"],
    ["inclusion?leafIndex=01&treeSize=3", "leafIndex: want"],
    ["inclusion?leafIndex=-1&treeSize=3", "leafIndex: want"],
    ["inclusion?leafIndex=1e1&treeSize=30", "leafIndex: want"],
    ["inclusion?leafIndex=&treeSize=30", "leafIndex: want"],
    ["inclusion?leafIndex=1&treeSize=9007199254740992", "treeSize: want a number up to 9007199254740991"],
    ["inclusion?leafIndex=3&treeSize=3", "leafIndex: want below treeSize 3, got 3"],
    ["inclusion?leafIndex=1&treeSize=3&size=4", "size"],
    ["consistency?from=5&to=4", "from: want at most to 4, got 5"],
    ["consistency?from=5", "to: want one decimal number, got none"],
  ])("%s is 400: %s", async (query, detail) => {
    const response = await app.request(`/proof/${query}`);
    expect(await response.clone().text()).toContain(detail);
    expect(await problemOf(response)).toEqual({ status: 400, code: "PARAMETER_INVALID" });
  });

  test("a size beyond the published one is not published", async () => {
    for (const query of ["inclusion?leafIndex=1&treeSize=301", "consistency?from=1&to=9007199254740991"]) {
      expect(await problemOf(await app.request(`/proof/${query}`))).toEqual({
        status: 404,
        code: "NOT_PUBLISHED",
      });
    }
  });
});
