import type { Hono } from "hono";
import { sha256 } from "#crypto";
import type { HttpEnv } from "../../src/http/path.ts";
import { createWitnessApp, type WitnessAppOptions } from "../../src/http/witness.ts";
import type { CosignedHead, StoredEvidence } from "../../src/store/witness-store.ts";
import { encodeHex, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { Suspects } from "../../src/witness/suspects.ts";
import type { Witness, WitnessedLog } from "../../src/witness/witness.ts";

export const WITNESS_NAME = "witness.test/w1";
export const LOG_VKEY = "example.com/nowhere+8ab5d197+AVTniuOZe6EnlppkPzPT2qlFshA0ZOeWGcKChik/t8wB";

export function hashOf(origin: string): string {
  return encodeHex(sha256(encodeUtf8(origin)));
}

export function witnessedLog(origin: string, more: Partial<WitnessedLog> = {}): WitnessedLog {
  return {
    origin,
    logKeys: [parseVerifierKey(LOG_VKEY)],
    urls: [],
    queriesPerDay: undefined,
    isDisabled: false,
    ...more,
  };
}

export function headOfSize(treeSize: number): CosignedHead {
  return {
    treeSize,
    rootHash: new Uint8Array(32).fill(7),
    timestampSeconds: 1_700_000_000,
    signedNote: encodeUtf8(`note of size ${treeSize}\n`),
  };
}

export interface FakeState {
  readonly logs?: readonly WitnessedLog[];
  /** By origin. */
  readonly heads?: Readonly<Record<string, CosignedHead>>;
  readonly evidence?: readonly StoredEvidence[];
}

/** A witness that answers what it is told to: for what HTTP alone decides. */
export function fakeWitness(state: FakeState = {}, methods: Partial<Witness> = {}): Witness {
  const { logs = [witnessedLog("log.test/a")], heads = {}, evidence = [] } = state;
  const find = (originHash: string) => logs.find(({ origin }) => hashOf(origin) === originHash);
  const convictionOf = (log: string) =>
    evidence.find(({ origin, convictsLog }) => convictsLog && origin === log);
  const stateOf = (log: WitnessedLog) => ({
    log,
    head: heads[log.origin],
    frozenBy: convictionOf(log.origin)?.id,
  });
  const lines = () => Promise.resolve(encodeUtf8(`— ${WITNESS_NAME} AAAAAAAA\n`));
  return {
    name: WITNESS_NAME,
    vkeys: [LOG_VKEY],
    roster: {
      find: (origin) => logs.find((log) => log.origin === origin),
      findByHash: find,
      logs: () => logs,
    },
    addCheckpoint: lines,
    submit: lines,
    suspects: new Suspects(() => 0),
    signSubtree: lines,
    checkpoint: (originHash) => Promise.resolve(heads[find(originHash)?.origin ?? ""]?.signedNote),
    headAt: () => Promise.resolve(undefined),
    addEvidence: () => Promise.resolve({ id: "0".repeat(64), origin: "log.test/a", isNew: true }),
    evidence: (originHash) => Promise.resolve(evidence.filter(({ origin }) => hashOf(origin) === originHash)),
    evidenceFile: (originHash, id) =>
      Promise.resolve(
        evidence.find((held) => hashOf(held.origin) === originHash && held.id === id)?.evidence,
      ),
    conviction: (origin) => Promise.resolve(convictionOf(origin)),
    logs: () => Promise.resolve(logs.map(stateOf)),
    logState: (origin) => Promise.resolve(logs.filter((log) => log.origin === origin).map(stateOf)[0]),
    meetOwnSignature: () => Promise.resolve(),
    thin: () => Promise.resolve(0),
    state: () => ({ status: "ok" }),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
    ...methods,
  };
}

export function witnessApp(witness: Witness, options: Partial<WitnessAppOptions> = {}): Hono<HttpEnv> {
  return createWitnessApp({ witness, version: "0.0.0-test", ...options });
}

export function post(body: string | Uint8Array = "x", headers: Record<string, string> = {}): RequestInit {
  return { method: "POST", body: typeof body === "string" ? body : new Uint8Array(body), headers };
}
