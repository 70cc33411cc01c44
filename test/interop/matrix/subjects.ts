/** Every program that the tester is run against, in the order of the matrix. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageVersion } from "../../../src/node/package-version.ts";
import { openLog, serveLog } from "../../../src/server.ts";
import { encodeUtf8 } from "../../../src/tlog/encoding.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  keyIdOf,
  openSigner,
  parseVerifierKey,
} from "../../../src/tlog/key.ts";
import { startRekorLog } from "../logs/rekor-log.ts";
import { startTesseraPosix } from "../logs/tessera-posix.ts";
import { startOwnWitness } from "../own-witness.ts";
import { programVersion } from "../programs.ts";
import {
  LITEWITNESS_PROGRAMS,
  SIGSUM_PROGRAMS,
  SUNLIGHT_HEAD_PROGRAMS,
  SUNLIGHT_PROGRAMS,
  startLitewitness,
  startOmniwitness,
  startSigsumWitness,
  startSunlight,
} from "../witness-programs.ts";
import type { Kind, RecordedSubject } from "./record.ts";
import { runTester } from "./run-tester.ts";
import { sigsumOrigin, testLogs } from "./test-logs.ts";

/** A program under test while it runs. */
interface Running {
  readonly url: string;
  readonly vkeys: readonly string[];
  stop(): Promise<void>;
}

export interface Subject {
  readonly kind: Kind;
  readonly name: string;
  /** What has to be installed; nothing for our own. */
  readonly programs: readonly string[];
  /** Beside URL and --vkey. */
  readonly flags?: readonly string[];
  readonly note?: string;
  readonly version: () => string;
  start(): Promise<Running>;
}

const ENTRIES = 70_000;
const PEER_ENTRIES = 600;

export const SUBJECTS: readonly Subject[] = [
  {
    kind: "witness",
    name: "bristlecone",
    programs: [],
    version: packageVersion,
    start: async () => startOwnWitness(await testLogs()),
  },
  {
    ...installed("witness", "omniwitness", ["omniwitness"]),
    start: async () => startOmniwitness(await testLogs()),
  },
  {
    ...installed("witness", "litewitness", LITEWITNESS_PROGRAMS),
    start: async () => startLitewitness(await testLogs()),
  },
  {
    ...installed("witness", "sunlight", SUNLIGHT_PROGRAMS),
    start: async () => startSunlight(await testLogs()),
  },
  {
    ...installed("witness", "sunlight-head", SUNLIGHT_HEAD_PROGRAMS),
    start: async () => startSunlight(await testLogs(), { edition: "-head" }),
  },
  {
    ...installed("witness", "sigsum-witness", SIGSUM_PROGRAMS),
    note: "knows one log, whose origin is made of its key",
    flags: ["--origin", await sigsumOrigin()],
    start: startSigsum,
  },
  {
    kind: "log",
    name: "bristlecone",
    programs: [],
    flags: ["--allow-writes"],
    version: packageVersion,
    start: startOwnLog,
  },
  {
    ...installed("log", "tessera-posix", ["tessera-posix"]),
    flags: ["--allow-writes"],
    start: async () => await withEntries(await startTesseraPosix()),
  },
  {
    ...installed("log", "tessera-posix-head", ["tessera-posix-head"]),
    flags: ["--allow-writes"],
    start: async () => await withEntries(await startTesseraPosix({ program: "tessera-posix-head" })),
  },
  {
    ...installed("log", "rekor-posix", ["rekor-posix"]),
    note: "writes files and leaves HTTP to others: statuses, headers and paths are those of the plain file server of the test",
    start: startRekor,
  },
];

/** Starts it with nothing, tests it, and stops it. */
export async function testSubject(subject: Subject): Promise<RecordedSubject> {
  const { kind, name, flags = [], note } = subject;
  const running = await subject.start();
  try {
    const keys = running.vkeys.flatMap((vkey) => ["--vkey", vkey]);
    return {
      kind,
      name,
      version: subject.version(),
      testedOn: new Date().toISOString().slice(0, "2026-01-01".length),
      command: [
        "bristlecone conformance",
        kind,
        "URL",
        ...running.vkeys.flatMap(() => ["--vkey", "VKEY"]),
        ...flags,
      ].join(" "),
      ...(note !== undefined && { note }),
      results: await runTester(kind, running.url, [...keys, ...flags]),
    };
  } finally {
    await running.stop();
  }
}

function installed(kind: Kind, name: string, programs: readonly string[]) {
  return { kind, name, programs, version: () => programVersion(programs[0] ?? name) };
}

/** It knows one log, by a name made of the log's key. */
async function startSigsum(): Promise<Running> {
  const origin = await sigsumOrigin();
  const [main] = await testLogs();
  if (main === undefined) throw new Error("there is no test log");
  const { publicKey, type } = parseVerifierKey(main.vkey);
  const renamed = { name: origin, type, publicKey };
  return await startSigsumWitness([
    { origin, vkey: formatVerifierKey({ ...renamed, keyId: keyIdOf(renamed) }) },
  ]);
}

async function startOwnLog(): Promise<Running> {
  const directory = await mkdtemp(join(tmpdir(), "bristlecone-log-"));
  const key = formatSigningKey(await generateSigningKey({ name: "own.test/log" }));
  const signer = await openSigner(key);
  const log = await openLog({ directory: join(directory, "data"), signer });
  for (let start = 0; start < ENTRIES; start += 1000) {
    await log.addBatch(Array.from({ length: 1000 }, (_, index) => encodeUtf8(`entry ${start + index}`)));
  }
  await log.untilPublished(ENTRIES - 1, { signal: AbortSignal.timeout(30_000) });
  const server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
  return {
    url: server.url,
    vkeys: [formatVerifierKey(signer.verifierKey)],
    async stop() {
      await server.close({ deadlineMs: 0 });
      await log.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** Past the first full tile, and all at once: it answers when it has integrated them. */
async function withEntries<L extends { readonly url: string; readonly vkey: string; stop(): Promise<void> }>(
  log: L,
): Promise<Running> {
  const bodies = Array.from({ length: PEER_ENTRIES }, (_, index) => `entry ${index}`);
  await Promise.all(
    bodies.map(async (body) => {
      const response = await fetch(`${log.url}/add`, { method: "POST", body });
      if (!response.ok) throw new Error(`${log.url}/add: ${response.status} ${await response.text()}`);
      await response.arrayBuffer();
    }),
  );
  return { url: log.url, vkeys: [log.vkey], stop: () => log.stop() };
}

async function startRekor(): Promise<Running> {
  const log = await startRekorLog();
  for (const text of ["one", "two", "three"]) await log.add(text);
  return { url: log.url, vkeys: [log.vkey], stop: () => log.stop() };
}
