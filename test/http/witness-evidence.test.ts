import { describe, expect, test } from "vitest";
import { TlogError } from "../../src/errors.ts";
import type { StoredEvidence } from "../../src/store/witness-store.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { evidenceFromHeads } from "../../src/tlog/fork-evidence-build.ts";
import type { Witness } from "../../src/witness/witness.ts";
import { checkpointOf, history, logSigner, ORIGIN } from "../tlog/forks.ts";
import { fakeWitness, hashOf, post, witnessApp, witnessedLog } from "./fake-witness.ts";
import { serve } from "./served-log.ts";
import { problemOf } from "./test-log.ts";

const HASH = hashOf(ORIGIN);
const ID = "ab".repeat(32);

async function sameSizeFork(): Promise<string> {
  const signer = await logSigner();
  const notes = [
    await checkpointOf(history(5), 5, [signer]),
    await checkpointOf(history(5, 2), 5, [signer]),
  ] as const;
  const found = await evidenceFromHeads({ origin: ORIGIN, notes, logKeys: [signer.verifierKey] });
  return typeof found === "string" ? found : expect.unreachable("no evidence");
}

function stored(more: Partial<StoredEvidence> = {}): StoredEvidence {
  return {
    id: ID,
    origin: ORIGIN,
    kind: "same-size",
    convictsLog: true,
    evidence: encodeUtf8("the file\n"),
    receivedAtSeconds: 1_700_000_000,
    ...more,
  };
}

function holding(evidence: readonly StoredEvidence[], methods: Partial<Witness> = {}): Witness {
  return fakeWitness({ logs: [witnessedLog(ORIGIN)], evidence }, methods);
}

describe("reading evidence", () => {
  test("a list says what each file is and where, an empty one that there is none", async () => {
    const response = await witnessApp(holding([stored()])).request(`/${HASH}/evidence`);
    expect(response.headers.get("Cache-Control")).toBe("no-cache");
    expect(await response.json()).toEqual({
      evidence: [
        {
          id: ID,
          origin: ORIGIN,
          kind: "same-size",
          convictsLog: true,
          receivedAtSeconds: 1_700_000_000,
          evidence: `evidence/${ID}`,
        },
      ],
    });
    expect(await (await witnessApp(holding([])).request(`/${HASH}/evidence`)).json()).toEqual({
      evidence: [],
    });
    const unknown = await witnessApp(holding([])).request(`/${hashOf("other")}/evidence`);
    expect(await problemOf(unknown)).toEqual({ status: 404, code: "LOG_UNKNOWN" });
  });

  test("a file is asked for anew, since it may gain signatures, and no browser runs it", async () => {
    const app = witnessApp(holding([stored()]));
    const response = await app.request(`/${HASH}/evidence/${ID}`);
    expect(await response.text()).toBe("the file\n");
    expect(response.headers.get("Cache-Control")).toBe("no-cache");
    const known = { headers: { "If-None-Match": response.headers.get("ETag") ?? "" } };
    expect((await app.request(`/${HASH}/evidence/${ID}`, known)).status).toBe(304);
    expect(response.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("Content-Security-Policy")).toContain("sandbox");
    expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
    for (const path of [`/${HASH}/evidence/${"0".repeat(64)}`, `/${hashOf("other")}/evidence/${ID}`]) {
      expect(await problemOf(await app.request(path))).toEqual({ status: 404, code: "NOT_FOUND" });
    }
  });

  test("only so many are verified at the same time, and reading goes on", async () => {
    let letGo = () => {};
    const passed = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const addEvidence = () => passed.then(() => ({ id: ID, origin: ORIGIN, isNew: true }));
    const app = witnessApp(holding([stored()], { addEvidence }), { limits: { maxConcurrentEvidence: 1 } });
    const first = app.request("/evidence", post());
    const second = await app.request("/evidence", post());
    expect(await problemOf(second)).toEqual({ status: 503, code: "SERVER_BUSY" });
    expect((await app.request(`/${HASH}/evidence`)).status).toBe(200);
    expect((await app.request(`/${HASH}/evidence/${ID}`)).status).toBe(200);
    letGo();
    expect((await first).status).toBe(201);
  });

  test("only so many bytes are on their way to readers", async () => {
    const large = stored({ evidence: new Uint8Array(400_000) });
    const { url } = await serve(witnessApp(holding([large]), { limits: { maxOutgoingBytes: 300_000 } }));
    const response = await fetch(`${url}/${HASH}/evidence/${ID}`);
    expect(await problemOf(response)).toEqual({ status: 503, code: "SERVER_BUSY" });
  });
});

describe("POST /evidence", () => {
  test("is 201 with where the file is when it is new, and 200 when it is known", async () => {
    const bodies: Uint8Array[] = [];
    let isNew = true;
    const addEvidence: Witness["addEvidence"] = (body) => {
      bodies.push(body);
      return Promise.resolve({ id: ID, origin: ORIGIN, isNew });
    };
    const app = witnessApp(holding([], { addEvidence }));
    const file = await sameSizeFork();
    const first = await app.request("/evidence", post(file));
    expect(first.status).toBe(201);
    expect(first.headers.get("Location")).toBe(`${HASH}/evidence/${ID}`);
    expect(first.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(await first.json()).toEqual({ id: ID, isNew: true, evidence: `${HASH}/evidence/${ID}` });
    isNew = false;
    const second = await app.request("/evidence", post(file));
    expect([second.status, await second.json()]).toMatchObject([200, { isNew: false }]);
    expect(bodies).toEqual([encodeUtf8(file), encodeUtf8(file)]);
  });

  test.each([
    ["EVIDENCE_MALFORMED", 400],
    ["EVIDENCE_INVALID", 422],
    ["EVIDENCE_FULL", 409],
    ["LOG_UNKNOWN", 404],
    ["SIGNATURE_MISSING", 403],
    ["SIGNATURE_INVALID", 403],
    ["RATE_LIMITED", 429],
  ] as const)("what does not convict is %s: %i", async (code, status) => {
    const addEvidence = () => Promise.reject(new TlogError(code, "as the test wants"));
    const response = await witnessApp(holding([], { addEvidence })).request("/evidence", post());
    expect(response.headers.get("Retry-After") !== null).toBe(status === 429);
    expect(await problemOf(response)).toEqual({ status, code });
  });

  test("takes 512 KiB, and answers 413 above", async () => {
    const addEvidence = () => Promise.reject(new TlogError("EVIDENCE_MALFORMED", "it was read"));
    const app = witnessApp(holding([], { addEvidence }));
    expect((await app.request("/evidence", post(new Uint8Array(524_288)))).status).toBe(400);
    expect((await app.request("/evidence", post(new Uint8Array(524_289)))).status).toBe(413);
  });

  test("so many are verified a minute about each log, and the answer says when there is room again", async () => {
    let nowMs = 0;
    const addEvidence: Witness["addEvidence"] = async (body, _keys, beforeVerifying) => {
      const origin = decodeUtf8(body);
      if (origin !== "malformed") beforeVerifying?.(origin);
      throw new TlogError("EVIDENCE_INVALID", "it was read");
    };
    const app = witnessApp(holding([], { addEvidence }), {
      limits: { maxEvidencePerMinute: 2 },
      now: () => nowMs,
    });
    const statusOf = async (origin: string) => (await app.request("/evidence", post(origin))).status;
    for (let round = 0; round < 5; round++) expect(await statusOf("malformed")).toBe(422);
    expect([await statusOf("a"), await statusOf("a"), await statusOf("a")]).toEqual([422, 422, 429]);
    expect(await statusOf("b")).toBe(422);
    const refused = await app.request("/evidence", post("a"));
    expect(refused.headers.get("Retry-After")).toBe("30");
    nowMs = 30_000;
    expect([await statusOf("a"), await statusOf("a")]).toEqual([422, 429]);
  });
});
