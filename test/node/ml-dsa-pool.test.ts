import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { inspect, promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { inLane, mlDsa44 } from "../../src/crypto/ml-dsa.ts";
import { TlogError } from "../../src/errors.ts";
import { type MlDsaPool, openMlDsaPool } from "../../src/node/ml-dsa-pool.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** Every worker the pool under test started, so that a test can end one. */
const started = vi.hoisted((): Worker[] => []);
vi.mock("node:worker_threads", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:worker_threads")>();
  class SeenWorker extends original.Worker {
    constructor(...args: ConstructorParameters<typeof original.Worker>) {
      super(...args);
      started.push(this);
    }
  }
  return { ...original, Worker: SeenWorker };
});

const SEED = new Uint8Array(32).fill(9);
const MESSAGE = Uint8Array.of(1, 2, 3);
const here = await mlDsa44.keyPair(SEED);
const { publicKey } = here;
const signature = await here.sign(MESSAGE);
const GOOD = { publicKey, message: MESSAGE, signature };

let pool: MlDsaPool | undefined;

function open(options?: Parameters<typeof openMlDsaPool>[0]): MlDsaPool {
  pool = openMlDsaPool(options);
  return pool;
}

afterEach(async () => {
  await pool?.close();
  pool = undefined;
  started.length = 0;
});

describe("openMlDsaPool", () => {
  it("gives the keys and the verdicts of this thread, in others", async () => {
    const { isValid, keyPair } = bound(open());
    const pair = await keyPair(SEED);
    expect(pair.publicKey).toEqual(publicKey);
    const made = await pair.sign(MESSAGE);
    expect(await mlDsa44.isValid({ ...GOOD, signature: made })).toBe(true);
    expect(await isValid(GOOD)).toBe(true);
    expect(await isValid({ ...GOOD, message: Uint8Array.of(1, 2) })).toBe(false);
    expect(await isValid({ ...GOOD, publicKey: publicKey.with(5, (publicKey[5] ?? 0) ^ 1) })).toBe(false);
    for (const at of [0, 32, 2335, 2419]) {
      const damaged = signature.with(at, (signature[at] ?? 0) ^ 1);
      expect(await isValid({ ...GOOD, signature: damaged })).toBe(false);
    }
  });

  it("hedges its signatures: two of one message differ", async () => {
    const pair = await open().keyPair(SEED);
    expect(await pair.sign(MESSAGE)).not.toEqual(await pair.sign(MESSAGE));
  });

  it("says false, not an error, to wrong lengths, without starting a thread", async () => {
    const { isValid } = bound(open());
    expect(await isValid({ ...GOOD, signature: signature.subarray(1) })).toBe(false);
    expect(await isValid({ ...GOOD, publicKey: publicKey.subarray(1) })).toBe(false);
    await expectCodeAsync(bound(open()).keyPair(new Uint8Array(31)), "ARGUMENT_INVALID");
    expect(started).toEqual([]);
  });

  it("starts as many threads as there is work for, up to its number, and keeps them", async () => {
    const { isValid } = bound(open({ threads: 2 }));
    await isValid(GOOD);
    await isValid(GOOD);
    expect(started.length).toBe(1);
    await Promise.all([isValid(GOOD), isValid(GOOD), isValid(GOOD)]);
    expect(started.length).toBe(2);
  });

  it("takes the bytes as they are at the call", async () => {
    const { isValid } = bound(open({ threads: 1 }));
    const message = Uint8Array.from(MESSAGE);
    const verdicts = Promise.all([isValid({ ...GOOD, message }), isValid({ ...GOOD, message })]);
    message.fill(0);
    expect(await verdicts).toEqual([true, true]);
  });

  it("refuses with CRYPTO_BUSY what finds the queue full, and finishes the rest", async () => {
    const { isValid } = bound(open({ threads: 1, maxQueued: 2 }));
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => isValid(GOOD).catch(codeOf)));
    expect(outcomes).toEqual([true, true, true, "CRYPTO_BUSY", "CRYPTO_BUSY", "CRYPTO_BUSY"]);
    expect(await isValid(GOOD)).toBe(true);
  });

  it("signs before it checks, and a queue full of checks refuses no signature", async () => {
    const { isValid, keyPair } = bound(open({ threads: 1, maxQueued: 3 }));
    const { sign } = await keyPair(SEED);
    const order: string[] = [];
    const note = (what: string) => () => order.push(what);
    await Promise.all([
      isValid(GOOD).then(note("check 0")),
      isValid(GOOD).then(note("check 1")),
      isValid(GOOD).then(note("check 2")),
      isValid(GOOD).then(note("check 3")),
      sign(MESSAGE).then(note("sign 1")),
      sign(MESSAGE).then(note("sign 2")),
    ]);
    expect(order).toEqual(["check 0", "sign 1", "sign 2", "check 1", "check 2", "check 3"]);
  });

  it("checks lanes in turn: one that is full of checks neither delays another by more than one, nor fills the queue for it", async () => {
    const opened = open({ threads: 1, maxQueued: 3 });
    const order: string[] = [];
    const check = (lane: string, number: number) =>
      inLane(opened, lane)
        .isValid(GOOD)
        .then(() => order.push(`${lane} ${number}`))
        .catch((error: unknown) => order.push(`${lane} ${number}: ${codeOf(error)}`));
    const flood = Array.from({ length: 6 }, (_, number) => check("flood", number));
    await Promise.all([...flood, check("log", 0), check("log", 1), check("other", 0)]);
    // One is under way and three wait; then whoever has most of these gives way.
    const refused = ["flood 2", "flood 3", "flood 4", "flood 5", "log 1"].map(
      (what) => `${what}: CRYPTO_BUSY`,
    );
    expect(order.filter((line) => line.includes(":")).sort()).toEqual(refused);
    expect(order.filter((line) => !line.includes(":"))).toEqual(["flood 0", "flood 1", "log 0", "other 0"]);
  });

  it("survives a thread's death: its job fails, those that wait go on in a fresh one", async () => {
    const { isValid, keyPair } = bound(open({ threads: 1 }));
    await isValid(GOOD);
    const outcomes = [isValid(GOOD).catch(codeOf), isValid(GOOD)];
    await started[0]?.terminate();
    expect(await Promise.all(outcomes)).toEqual(["CRYPTO_UNAVAILABLE", true]);
    expect(started.length).toBe(2);
    // Also while nothing runs.
    await started[1]?.terminate();
    expect((await keyPair(SEED)).publicKey).toEqual(publicKey);
    expect(started.length).toBe(3);
  });

  it("puts no seed and no secret key into an error", async () => {
    const { keyPair } = bound(open({ threads: 1 }));
    const { sign } = await keyPair(SEED);
    for (const make of [() => keyPair(SEED), () => sign(MESSAGE)]) {
      const failing = make();
      await started.at(-1)?.terminate();
      const error = await expectCodeAsync(failing, "CRYPTO_UNAVAILABLE");
      expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/9, 9|0909|CQkJ|Uint8Array/);
    }
  });

  it("finishes what it accepted when it closes, and refuses the rest", async () => {
    const closing = open({ threads: 1 });
    const outcomes = [closing.isValid(GOOD), closing.isValid(GOOD), closing.isValid(GOOD)];
    const closed = closing.close();
    await expectCodeAsync(closing.isValid(GOOD), "CRYPTO_UNAVAILABLE");
    await Promise.all([closed, closing.close()]);
    expect(await Promise.all(outcomes)).toEqual([true, true, true]);
    expect(started.map(({ threadId }) => threadId)).toEqual([-1]);
  });

  it("closes when it was never used", async () => {
    await open().close();
    expect(started).toEqual([]);
  });

  it.each([{ threads: 0 }, { threads: 1.5 }, { maxQueued: -1 }, { maxQueued: Number.NaN }])(
    "refuses %o",
    (options) => {
      expectCode(() => openMlDsaPool(options), "ARGUMENT_INVALID");
    },
  );

  it("runs from the sources under tsx, and keeps a process alive for an answer but no longer", async () => {
    const program = `
      import { openMlDsaPool } from ${JSON.stringify(resolve(ROOT, "src/node/ml-dsa-pool.ts"))};
      const { sign } = await openMlDsaPool().keyPair(new Uint8Array(32).fill(9));
      console.log((await sign(new Uint8Array(1))).length);
    `;
    const args = ["--import", "tsx", "--conditions=bristlecone-source", "--input-type=module", "-e", program];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: 15_000 });
    expect(stdout).toBe("2420\n");
  });
});

function bound(opened: MlDsaPool) {
  return {
    isValid: (claim: typeof GOOD) => opened.isValid(claim),
    keyPair: (seed: Uint8Array) => opened.keyPair(seed),
  };
}

function codeOf(error: unknown): string {
  return error instanceof TlogError ? error.code : String(error);
}
