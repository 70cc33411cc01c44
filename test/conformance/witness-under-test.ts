/** Our witness over the memory store as the tester meets it, in this process or over HTTP; and ways to run the tester against it. */
import { readFileSync } from "node:fs";
import type { Probe, ProbeAnswer, ProbeRequest } from "../../src/conformance/probe.ts";
import type { CaseResult } from "../../src/conformance/result.ts";
import { parseWitnessCases, type WitnessCases } from "../../src/conformance/witness/cases.ts";
import type { Purpose } from "../../src/conformance/witness/connection.ts";
import { runWitnessConformance, type WitnessConformanceOptions } from "../../src/conformance/witness/run.ts";
import { openTestLogs, type TestLogs } from "../../src/conformance/witness/test-logs.ts";
import { createWitnessApp } from "../../src/http/witness.ts";
import { parseVerifierKey, type VerifierKey } from "../../src/tlog/key.ts";
import type { Witness } from "../../src/witness/witness.ts";
import { cosignerKey, listRoster, testWitness, WITNESS } from "../witness/harness.ts";

export const CASES: WitnessCases = parseWitnessCases(
  readFileSync(new URL("../../spec/vectors/conformance-witness.json", import.meta.url), "utf8"),
);

/** What the tester sent, and what for. */
export interface Exchange {
  readonly caseName: string;
  readonly purpose: Purpose;
  readonly request: ProbeRequest;
  readonly answer: ProbeAnswer;
}

/** Changes an answer to the request of a case. */
export type Spoiler = (answer: ProbeAnswer, caseName: string) => ProbeAnswer;

export interface Tested {
  readonly results: readonly CaseResult[];
  readonly exchanges: readonly Exchange[];
}

export async function witnessUnderTest(
  logs?: TestLogs,
): Promise<{ readonly witness: Witness; readonly keys: readonly VerifierKey[]; readonly logs: TestLogs }> {
  const testLogs = logs ?? (await openTestLogs({ definitions: CASES.logs }));
  const entries = testLogs.configured.map(({ origin, signers }) => ({
    origin,
    logKeys: signers.map(({ verifierKey }) => verifierKey),
    urls: [],
    queriesPerDay: undefined,
    isDisabled: false,
  }));
  const keys = [await cosignerKey(WITNESS, 4), await cosignerKey(WITNESS, 6)];
  const { witness } = await testWitness([], { roster: listRoster(entries), keys });
  return { witness, keys: witness.vkeys.map(parseVerifierKey), logs: testLogs };
}

/** A probe without sockets. */
export function probeOf(witness: Witness): Probe {
  const app = createWitnessApp({ witness, version: "0.0.0-test" });
  let requests = 0;
  return {
    url: "http://witness.test/",
    requests: () => requests,
    async exchange({ method, path, headers, body }) {
      requests += 1;
      const init = { method, ...(headers === undefined ? {} : { headers }) };
      const response = await app.request(
        `http://witness.test/${path}`,
        body === undefined ? init : { ...init, body: new Uint8Array(body) },
      );
      return {
        status: response.status,
        headers: new Map(response.headers),
        body: new Uint8Array(await response.arrayBuffer()),
      };
    },
  };
}

/** Runs the tester against a witness of ours. @param spoil - changes what it answers to the cases themselves. */
export async function testOwn(
  options: Partial<WitnessConformanceOptions> = {},
  spoil: Spoiler = (answer) => answer,
): Promise<Tested> {
  const { witness, keys, logs } = await witnessUnderTest(options.logs);
  const exchanges: Exchange[] = [];
  const inner = options.probe ?? probeOf(witness);
  let about = { caseName: "", purpose: "case" as Purpose };
  const probe: Probe = {
    ...inner,
    async exchange(request) {
      const asked = about;
      const given = await inner.exchange(request);
      const answer = asked.purpose === "case" ? spoil(given, asked.caseName) : given;
      exchanges.push({ ...asked, request, answer });
      return answer;
    },
  };
  const results = await runWitnessConformance({
    cases: CASES,
    monitoring: probe,
    logs,
    witnessKeys: keys,
    now: () => 1_700_000_000_000,
    onResult: () => undefined,
    signal: new AbortController().signal,
    ...options,
    probe,
    onExchange: (next) => {
      about = next;
      options.onExchange?.(next);
    },
  });
  return { results, exchanges };
}
