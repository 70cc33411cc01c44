/** A log of ours with an origin that every witness takes, other people's witnesses side by side, and a proxy before each. */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { type Log, type OpenLogOptions, openLog, type WitnessStatus } from "../../src/server.ts";
import { formatVerifierKey, type NoteSigner } from "../../src/tlog/key.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { entry, testSigner } from "../log/harness.ts";
import { goCheckpointOpener, keyIdIn } from "./go-programs.ts";
import { startOwnWitness } from "./own-witness.ts";
import { lacks } from "./programs.ts";
import {
  LITEWITNESS_PROGRAMS,
  type PeerLog,
  SIGSUM_PROGRAMS,
  SUNLIGHT_HEAD_PROGRAMS,
  SUNLIGHT_PROGRAMS,
  startLitewitness,
  startOmniwitness,
  startSigsumWitness,
  startSunlight,
} from "./witness-programs.ts";
import { startWitnessProxy, type WitnessProxy } from "./witness-proxy.ts";

/** How to start other people's witnesses, those that are installed. */
export const PEERS = [
  { name: "omniwitness", programs: ["omniwitness"], start: startOmniwitness },
  { name: "litewitness", programs: LITEWITNESS_PROGRAMS, start: startLitewitness },
  { name: "sunlight", programs: SUNLIGHT_PROGRAMS, start: startSunlight },
  { name: "sigsum-witness", programs: SIGSUM_PROGRAMS, start: startSigsumWitness },
  {
    name: "sunlight-head",
    programs: SUNLIGHT_HEAD_PROGRAMS,
    start: (logs: readonly PeerLog[]) => startSunlight(logs, { name: "w4.test/sun", edition: "-head" }),
  },
].filter(({ programs }) => !lacks(...programs));

/** A witness, which our log reaches by a proxy. */
export interface Member {
  /** What the policy calls the group of its keys; a key is called after it: "omniwitness-0". */
  readonly name: string;
  readonly vkeys: readonly string[];
  readonly proxy: WitnessProxy;
  /** Of somebody else's program. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** An opened log, and what it told. */
export interface FieldLog {
  readonly log: Log;
  /** "quorum missing 7: omniwitness-0 REMOTE_TIMEOUT: …", a line for each witness and each telling. */
  readonly missed: readonly string[];
  /** "omniwitness-0 REMOTE_TIMEOUT" */
  readonly failures: readonly string[];
  /** "HEAD_SOURCE_SILENT: 1 of 4 places …" */
  readonly warnings: readonly string[];
}

export interface WitnessField {
  readonly members: readonly Member[];
  readonly known: PeerLog;
  readonly signer: NoteSigner;
  /**
   * Opens the log of the field, whose entries stay from one opening to the next.
   * @param quorum - of the members.
   * @param timeoutMs - how long it waits for one answer.
   * @param more.freeze - ends it.
   */
  open(quorum: number, timeoutMs?: number, more?: Pick<OpenLogOptions, "freeze">): Promise<FieldLog>;
  /** Adds entries. @returns the checkpoint that has them, once it is published. */
  grow(field: FieldLog, count?: number): Promise<Uint8Array>;
  /** Which members Go found cosignatures of in a checkpoint: those all of whose keys cosigned. Go rejects one with a bad line. */
  cosigners(checkpoint: Uint8Array): Promise<readonly string[]>;
  /** Adds entries now and then until all members have cosigned a checkpoint, and nobody else has. */
  untilAllCosign(field: FieldLog): Promise<void>;
  /** What was last wrong with each key of a member: "SIGNATURE_INVALID"; undefined: nothing is. */
  failing(field: FieldLog, member: Member): readonly (string | undefined)[];
  close(): Promise<void>;
}

/** @param names - of {@link PEERS}, and any other name: a witness of ours. */
export async function startWitnessField(names: readonly string[]): Promise<WitnessField> {
  const signer = await sigsumSigner();
  const known = { origin: signer.verifierKey.name, vkey: formatVerifierKey(signer.verifierKey) };
  const folder = await mkdtemp(join(tmpdir(), "bristlecone-field-"));
  const openInGo = await goCheckpointOpener();
  const members = await Promise.all(names.map((name) => startMember(name, known)));
  const vkeys = members.flatMap((member) => member.vkeys);

  async function cosigners(checkpoint: Uint8Array): Promise<readonly string[]> {
    const { cosignatures } = await openInGo(checkpoint, known.vkey, vkeys);
    const keyIds = cosignatures.map(({ keyId }) => keyId);
    expect(parseNote(checkpoint).signatures.length).toBe(1 + keyIds.length);
    return members
      .filter((member) => member.vkeys.every((vkey) => keyIds.includes(keyIdIn(vkey))))
      .map(({ name }) => name);
  }

  const field: WitnessField = {
    members,
    known,
    signer,
    open: (quorum, timeoutMs = WITNESS_TIMEOUT_MS, more = {}) =>
      openFieldLog({ folder, signer, timeoutMs, policy: policyText({ known, members, quorum }), ...more }),
    async grow({ log }, count = 1) {
      const size = log.integratedSize();
      await log.addBatch(Array.from({ length: count }, (_, index) => entry(size + index)));
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const { checkpoint } = await log.untilPublished(size + count - 1, { signal });
      return checkpoint;
    },
    cosigners,
    async untilAllCosign(opened) {
      const everybody = members.map(({ name }) => name);
      const attempt = async (): Promise<void> => {
        await field.grow(opened);
        await vi.waitFor(() => expect(cosignaturesIn(opened.log)).toBe(vkeys.length), {
          timeout: 700,
          interval: 20,
        });
      };
      await vi.waitFor(attempt, { timeout: PATIENCE_MS, interval: 50 });
      expect(await cosigners(opened.log.published().checkpoint)).toEqual(everybody);
    },
    failing({ log }, { name, vkeys: keys }) {
      const states = new Map(log.witnessing()?.witnesses.map((witness) => [witness.name, witness]));
      return keys.map((_, index) => failureIn(states.get(`${name}-${index}`)));
    },
    async close() {
      await Promise.all(members.map((member) => member.stop()));
      await rm(folder, { recursive: true });
    },
  };
  return field;
}

/** Beyond it a log hangs. */
export const PATIENCE_MS = 60_000;
/** So short that a stopped witness is soon given up. */
const WITNESS_TIMEOUT_MS = 1_500;

function cosignaturesIn(log: Log): number {
  return parseNote(log.published().checkpoint).signatures.length - 1;
}

function failureIn(status: WitnessStatus | undefined): string | undefined {
  return status?.isFailing === true ? status.lastFailure?.code : undefined;
}

/** Sigsum names a log after its key, and its witness knows no other name. */
async function sigsumSigner(): Promise<NoteSigner> {
  const { verifierKey } = await testSigner(7);
  const hash = createHash("sha256").update(verifierKey.publicKey).digest("hex");
  return await testSigner(7, `sigsum.org/v1/tree/${hash}`);
}

async function startMember(name: string, known: PeerLog): Promise<Member> {
  const peer = PEERS.find((candidate) => candidate.name === name);
  const witness = await (peer?.start([known]) ?? startOwnWitness([known], { name: `${name}.test/own` }));
  const proxy = await startWitnessProxy(witness.url);
  return {
    name,
    vkeys: witness.vkeys,
    proxy,
    pid: "pid" in witness ? witness.pid : undefined,
    async stop() {
      await proxy.close();
      await witness.stop();
    },
  };
}

/** One member each, however many keys it has. */
function policyText({
  known,
  members,
  quorum,
}: {
  readonly known: PeerLog;
  readonly members: readonly Member[];
  readonly quorum: number;
}): string {
  const groups = members.flatMap(({ name, vkeys, proxy }) => {
    const keys = vkeys.map((vkey, index) => ({ key: `${name}-${index}`, vkey }));
    return [
      ...keys.map(({ key, vkey }) => `witness ${key} ${vkey} ${proxy.url}`),
      `group ${name} any ${keys.map(({ key }) => key).join(" ")}`,
    ];
  });
  const all = members.map(({ name }) => name).join(" ");
  return [`log ${known.vkey}`, ...groups, `group members ${quorum} ${all}`, "quorum members\n"].join("\n");
}

async function openFieldLog({
  folder,
  signer,
  timeoutMs,
  policy,
  freeze,
}: {
  readonly folder: string;
  readonly signer: NoteSigner;
  readonly timeoutMs: number;
  readonly policy: string;
} & Pick<OpenLogOptions, "freeze">): Promise<FieldLog> {
  const missed: string[] = [];
  const failures: string[] = [];
  const warnings: string[] = [];
  const log = await openLog({
    directory: join(folder, "log"),
    signer,
    checkpointIntervalMs: 50,
    witnesses: { policy, timeoutMs },
    freeze,
    events: {
      warning: ({ code, message }) => warnings.push(`${code}: ${message}`),
      witnessFailed: ({ name, code }) => failures.push(`${name} ${code}`),
      quorumMissing: ({ treeSize, missing }) =>
        missed.push(...missing.map(({ name, reason }) => `quorum missing ${treeSize}: ${name} ${reason}`)),
    },
  });
  return { log, missed, failures, warnings };
}
