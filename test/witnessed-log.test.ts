import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { policyWitnesses } from "../src/cli/serve-witnesses.ts";
import { openConfig } from "../src/config.ts";
import {
  formatSigningKey,
  generateSigningKey,
  type Log,
  type NoteSigner,
  openCosignerKey,
  openLog,
  openMemoryStore,
  openSigner,
  openWitness,
  type RunningServer,
  serveLog,
  serveWitness,
} from "../src/server.ts";
import { openMemoryWitnessStore } from "../src/store/witness-memory.ts";
import { encodeUtf8 } from "../src/tlog/encoding.ts";
import { formatVerifierKey } from "../src/tlog/key.ts";
import { parsePolicy } from "../src/tlog/policy.ts";
import { verifyTlogProof } from "../src/tlog/proof.ts";
import type { Roster, Witness, WitnessedLog } from "../src/witness/witness.ts";
import { temporaryDirectory } from "./cli/harness.ts";
import { expectCodeAsync } from "./expect-code.ts";

const ORIGIN = "example.com/witnessed";
const RECEIPT = "text/x.tlog.proof";
const LOOPBACK = { host: "127.0.0.1", port: 0 };
const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function logSigner(): Promise<NoteSigner> {
  const key = await generateSigningKey({ name: ORIGIN, seed: new Uint8Array(32).fill(9) });
  return await openSigner(formatSigningKey(key));
}

/** A witness of this one log, on a socket. */
async function startWitness(name: string, signer: NoteSigner) {
  const seed = new Uint8Array(32).fill(name.charCodeAt(0));
  const key = await openCosignerKey(
    formatSigningKey(await generateSigningKey({ name: `${name}.example`, seed })),
  );
  const witness = await openWitness({
    store: openMemoryWitnessStore({ name: `${name}.example` }),
    keys: [key],
    roster: rosterOf({
      origin: ORIGIN,
      logKeys: [signer.verifierKey],
      urls: [],
      queriesPerDay: undefined,
      isDisabled: false,
    }),
  });
  opened.push(witness);
  const server = await serveWitness({ witness, listen: LOOPBACK });
  const running = {
    witness,
    server,
    line: `witness ${name} ${formatVerifierKey(key.verifierKey)} ${server.url}`,
  };
  opened.push(server);
  return running;
}

function rosterOf(log: WitnessedLog): Roster {
  const hash = createHash("sha256").update(log.origin).digest("hex");
  return {
    find: (origin) => (origin === log.origin ? log : undefined),
    findByHash: (originHash) => (originHash === hash ? log : undefined),
    logs: () => [log],
  };
}

async function startLog(options: {
  readonly policy: string;
  readonly signer: NoteSigner;
  readonly timeoutMs?: number;
}) {
  const { policy, signer, timeoutMs } = options;
  const log: Log = await openLog({
    store: openMemoryStore({ origin: ORIGIN }),
    signer,
    witnesses: { policy, timeoutMs },
    checkpointIntervalMs: 10,
  });
  opened.push(log);
  const server = await serveLog({ log, listen: LOOPBACK, adminListen: LOOPBACK });
  opened.push(server);
  return { log, server };
}

async function whole(timeoutMs?: number) {
  const signer = await logSigner();
  const witnesses = [
    await startWitness("a", signer),
    await startWitness("b", signer),
    await startWitness("c", signer),
  ];
  const vkey = formatVerifierKey(signer.verifierKey);
  const lines = [`log ${vkey}`, ...witnesses.map(({ line }) => line), "group q 2 a b c", "quorum q", ""];
  const policy = lines.join("\n");
  return {
    witnesses,
    policy,
    ...(await startLog({ policy, signer, ...(timeoutMs !== undefined && { timeoutMs }) })),
  };
}

async function post(server: RunningServer, entry: string, wait: number): Promise<Response> {
  const headers = { Accept: RECEIPT, Prefer: `wait=${wait}` };
  return await fetch(`${server.url}/add`, { method: "POST", body: entry, headers });
}

describe("a log and its witnesses, whole", () => {
  test("POST /add with Prefer: wait is answered with a receipt that verifies against the policy", async () => {
    const { server, policy, log } = await whole();
    for (const entry of ["first", "second"]) {
      const response = await post(server, entry, 10);
      expect(response.status).toBe(200);
      const verified = await verifyTlogProof({
        receipt: await response.text(),
        entry: encodeUtf8(entry),
        policy: parsePolicy(policy),
      });
      expect(verified.cosignatures.length).toBeGreaterThanOrEqual(2);
    }
    await expect
      .poll(() => log.witnessing()?.witnesses.map((each) => each.lastCosigned?.treeSize))
      .toEqual([2, 2, 2]);
    const info: unknown = await (await fetch(`${server.url}/log.json`)).json();
    expect(info).toMatchObject({
      policy,
      quorumMode: "strict",
      quorumMissing: false,
      witnesses: ["a", "b", "c"].map((name) => ({ name, failing: false, lastCosigned: { treeSize: 2 } })),
    });
  });

  test("without a quorum the entry is durable and the receipt comes later: 202, and the operator sees who is missing", async () => {
    const { server, witnesses, log } = await whole(300);
    expect((await post(server, "first", 10)).status).toBe(200);
    for (const { server: down } of witnesses.slice(1)) await down.close({ deadlineMs: 0 });
    const response = await post(server, "second", 1);
    expect(response.status).toBe(202);
    expect(await response.text()).toBe("1");
    expect(response.headers.get("Location")).toBe("/receipt/1");
    expect((await fetch(`${server.url}/receipt/1`)).status).toBe(404);
    expect(log.published().treeSize).toBe(1);
    const ready: unknown = await (await fetch(`${server.adminUrl}/readyz`)).json();
    expect(ready).toMatchObject({
      status: "writable",
      quorum: {
        mode: "strict",
        missing: true,
        failing: [{ name: "b", code: "REMOTE_UNREACHABLE" }, { name: "c" }],
      },
    });
    const Info = z.looseObject({
      witnesses: z.array(z.looseObject({ lastFailure: z.unknown().optional() })),
    });
    const info = Info.parse(await (await fetch(`${server.url}/log.json`)).json());
    expect(info).toMatchObject({ quorumMissing: true });
    expect(
      Object.keys(z.record(z.string(), z.unknown()).parse(info.witnesses[1]?.lastFailure)).sort(),
    ).toEqual(["atSeconds", "code"]);
    const { port, hostname: host } = new URL(witnesses[1]?.server.url ?? "");
    const again = await serveWitness({
      witness: firstOf(witnesses.slice(1)),
      listen: { host, port: Number(port) },
    });
    opened.push(again);
    await expect.poll(() => log.published().treeSize, { timeout: 12_000 }).toBe(2);
    expect((await fetch(`${server.url}/receipt/1`)).status).toBe(200);
  });

  function firstOf(witnesses: readonly { readonly witness: Witness }[]): Witness {
    const [first] = witnesses;
    if (first === undefined) throw new TypeError("no witness");
    return first.witness;
  }
});

describe("serve --policy", () => {
  async function asked(policy: string, flags: Readonly<Record<string, unknown>> = {}) {
    const path = join(temporaryDirectory(), "policy.txt");
    writeFileSync(path, policy);
    const config = openConfig({ flags: { policy: path, ...flags }, environment: {} });
    return await policyWitnesses(config, { signers: [await logSigner()] });
  }

  async function lineOf(policyName: string, keyName: string, fill: number): Promise<string> {
    const key = await generateSigningKey({ name: keyName, seed: new Uint8Array(32).fill(fill) });
    const { verifierKey } = await openCosignerKey(formatSigningKey(key));
    return `witness ${policyName} ${formatVerifierKey(verifierKey)} http://127.0.0.1:1/`;
  }

  async function vkeyLine(): Promise<string> {
    return `log ${formatVerifierKey((await logSigner()).verifierKey)}`;
  }

  test("takes the policy, the mode and the times", async () => {
    const policy = [await vkeyLine(), await lineOf("a", "a.example", 1), "quorum a", ""].join("\n");
    const flags = { quorumMode: "best-effort", witnessTimeout: "700", witnessRefresh: "60000" };
    expect(await asked(policy, flags)).toMatchObject({
      policy: { quorum: "a" },
      mode: "best-effort",
      timeoutMs: 700,
      refreshIntervalMs: 60_000,
    });
    const config = openConfig({ flags: {}, environment: {} });
    expect(await policyWitnesses(config, { signers: [await logSigner()] })).toBeUndefined();
  });

  test("refuses a policy this log is not in, and says which line it wants", async () => {
    const policy = [await lineOf("a", "a.example", 1), "quorum a", ""].join("\n");
    const refusal = asked(policy);
    await expect(refusal).rejects.toThrow(await vkeyLine());
    await expectCodeAsync(refusal, "CONFIG_INVALID");
  });

  test("refuses to count one party twice, unless told", async () => {
    const lines = [await vkeyLine(), await lineOf("a1", "a.example", 1), await lineOf("a2", "a.example", 2)];
    const policy = [...lines, await lineOf("b", "b.example", 3), "group q 2 a1 a2 b", "quorum q", ""].join(
      "\n",
    );
    const refusal = asked(policy);
    await expect(refusal).rejects.toThrow("--allow-shared-parties");
    await expectCodeAsync(refusal, "CONFIG_INVALID");
    expect(await asked(policy, { allowSharedParties: true })).toMatchObject({ policy: { quorum: "q" } });
  });

  test("names the file and the line of a policy that does not parse", async () => {
    await expectCodeAsync(asked("quorum nobody\n"), "POLICY_MALFORMED");
    await expect(asked("quorum nobody\n")).rejects.toThrow(/policy\.txt: line 1/);
  });
});
