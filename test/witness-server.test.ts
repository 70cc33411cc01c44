import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { openGuardFile } from "../src/keys/guard-file.ts";
import { openRoster, openWitness, serveWitness, type Witness, type WitnessedLog } from "../src/server.ts";
import { formatAddCheckpoint } from "../src/tlog/add-checkpoint.ts";
import { openCheckpoint } from "../src/tlog/checkpoint.ts";
import { decodeUtf8 } from "../src/tlog/encoding.ts";
import { evidenceFromHeads } from "../src/tlog/fork-evidence-build.ts";
import { parseVerifierKey } from "../src/tlog/key.ts";
import { originHash } from "../src/tlog/origin-hash.ts";
import { expectCodeAsync } from "./expect-code.ts";
import { gate } from "./log/harness.ts";
import { cosignerKey, known, type TestLog, testLog, WITNESS } from "./witness/harness.ts";

const ORIGIN = "log.example/served";
const HASH = originHash(ORIGIN);
const ANYWHERE = { host: "127.0.0.1", port: 0 };

let folder: string;
let log: TestLog;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bristlecone-witness-"));
  log = await testLog(ORIGIN);
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function rosterOf(...settings: readonly WitnessedLog[]) {
  return openRoster({ owner: { name: WITNESS }, sources: { settings, operator: [], listed: [] } });
}

async function open(options: Partial<Parameters<typeof openWitness>[0]> = {}): Promise<Witness> {
  const keys = [await cosignerKey(WITNESS)];
  return await openWitness({
    directory: join(folder, "witness"),
    keys,
    roster: rosterOf(known(log)),
    ...options,
  });
}

async function send(url: string, body: Uint8Array, path = "add-checkpoint"): Promise<Response> {
  return await fetch(`${url}/${path}`, { method: "POST", body: new Uint8Array(body) });
}

describe("openWitness", () => {
  it("keeps a witness in a directory across openings, with its guard beside it", async () => {
    for (const [from, to] of [
      [0, 3],
      [3, 7],
      [7, 7],
    ] as const) {
      await using witness = await open();
      const lines = await witness.addCheckpoint(await log.request(from, to));
      expect(decodeUtf8(lines)).toMatch(/^— witness\.example\/w1 \S+\n$/);
    }
    expect((await readdir(folder)).sort()).toEqual(["witness", "witness.guard"]);
  });

  it("is refused to a second opener, without a key, and with a guard inside the directory", async () => {
    const first = await open();
    await expectCodeAsync(open(), "STORE_LOCKED");
    await first.close();
    await expectCodeAsync(open({ keys: [] }), "ARGUMENT_INVALID");
    const guard = await openGuardFile(join(folder, "witness", "guard"));
    await expectCodeAsync(open({ guard }), "ARGUMENT_INVALID");
  });

  it("refuses the directory of another witness, and leaves nothing locked when an opening fails", async () => {
    await (await open()).close();
    const roster = openRoster({ owner: { name: "w2" }, sources: { settings: [], operator: [], listed: [] } });
    await expectCodeAsync(open({ keys: [await cosignerKey("w2")], roster }), "STORE_ORIGIN_MISMATCH");
    await using again = await open();
    expect(again.state().status).toBe("ok");
  });
});

describe("serveWitness", () => {
  it("MON-2 WIT-8 WIT-11 WIT-12 cosigns over a socket, tells its size, and shows what it cosigned", async () => {
    await using witness = await open();
    const server = await serveWitness({ witness, listen: ANYWHERE });
    const { url } = server;
    expect((await fetch(`${url}/${HASH}/checkpoint`)).status).toBe(404);
    const first = await send(url, await log.request(0, 5));
    expect(first.status).toBe(200);
    const conflict = await send(url, await log.request(0, 9));
    expect([conflict.status, conflict.headers.get("Content-Type"), await conflict.text()]).toEqual([
      409,
      "text/x.tlog.size",
      "5\n",
    ]);
    const wrong = formatAddCheckpoint({ oldSize: 5, proof: [], checkpoint: await log.note(9) });
    expect((await send(url, wrong)).status).toBe(422);
    expect((await send(url, await (await testLog("log.example/unknown")).request(0, 5))).status).toBe(404);
    expect((await send(url, await (await testLog(ORIGIN, { number: 9 })).request(0, 5))).status).toBe(403);
    expect((await send(url, new TextEncoder().encode("old 05\n"))).status).toBe(400);
    const shown = new Uint8Array(await (await fetch(`${url}/${HASH}/checkpoint`)).arrayBuffer());
    const policy = {
      logs: log.keys.map((key) => ({ key })),
      witnesses: witness.vkeys.map((vkey) => ({ name: "w1", key: parseVerifierKey(vkey) })),
      groups: [],
      quorum: "w1",
    };
    expect((await openCheckpoint({ signedNote: shown, policy })).treeSize).toBe(5);
    expect(decodeUtf8(shown)).toContain(await first.text());
    await server.close();
  });

  it("takes evidence from anybody, gives it to everybody, and stops cosigning the log it convicts", async () => {
    await using witness = await open();
    const server = await serveWitness({ witness, listen: ANYWHERE });
    const { url } = server;
    expect((await send(url, await log.request(0, 5))).status).toBe(200);
    const notes = [await log.note(9), await log.forkedAt(4).note(9)] as const;
    const found = await evidenceFromHeads({ origin: ORIGIN, notes, logKeys: log.keys });
    const file = new TextEncoder().encode(found);
    const taken = await send(url, file, "evidence");
    expect(taken.status).toBe(201);
    const location = new URL(taken.headers.get("Location") ?? "", `${url}/evidence`).href;
    expect(new Uint8Array(await (await fetch(location)).arrayBuffer())).toEqual(file);
    expect((await send(url, file, "evidence")).status).toBe(200);
    const frozen = await send(url, await log.request(5, 9));
    const problem = z.looseObject({ code: z.string(), evidence: z.string() }).parse(await frozen.json());
    expect([frozen.status, problem.code]).toEqual([403, "LOG_FROZEN"]);
    expect(new URL(problem.evidence, `${url}/add-checkpoint`).href).toBe(location);
    const info: unknown = await (await fetch(`${url}/witness.json`)).json();
    expect(info).toMatchObject({ logs: [{ origin: ORIGIN, frozenBy: { id: location.slice(-64) } }] });
    await server.close();
  });

  it("SUB-3 SUB-4 cosigns no subtree without an ML-DSA-44 key", async () => {
    await using witness = await open();
    const server = await serveWitness({ witness, listen: ANYWHERE });
    expect((await send(server.url, await log.request(0, 5), "sign-subtree")).status).toBe(404);
    await server.close();
  });

  it("answers what is under way when it closes, and then no more; health is answered to the end", async () => {
    await using witness = await open();
    const { passed, open: letGo } = gate();
    let arrived = 0;
    const held: Witness = new Proxy(witness, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name !== "addCheckpoint") return value.bind(target);
        return async (body: Uint8Array) => {
          arrived += 1;
          await passed;
          return await target.addCheckpoint(body);
        };
      },
    });
    const server = await serveWitness({ witness: held, listen: ANYWHERE, adminListen: ANYWHERE });
    const answer = send(server.url, await log.request(0, 5));
    await expect.poll(() => arrived).toBe(1);
    expect((await fetch(`${server.adminUrl}/readyz`)).status).toBe(200);
    const closing = server.close();
    expect((await fetch(`${server.adminUrl}/readyz`)).status).toBe(503);
    letGo();
    expect((await answer).status).toBe(200);
    await closing;
    await expect(fetch(`${server.url}/witness.json`)).rejects.toThrow();
    expect(witness.state().status).toBe("ok");
  });

  it("says by name that an address is taken", async () => {
    await using witness = await open();
    const server = await serveWitness({ witness, listen: ANYWHERE });
    const listen = { host: "127.0.0.1", port: Number(new URL(server.url).port) };
    await expectCodeAsync(serveWitness({ witness, listen }), "LISTEN_FAILED");
    await server.close();
  });
});
