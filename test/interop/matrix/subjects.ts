/** Every program that the tester is run against, in the order of the matrix. */
import { packageVersion } from "../../../src/node/package-version.ts";
import { formatVerifierKey, keyIdOf, parseVerifierKey } from "../../../src/tlog/key.ts";
import { startRekorLog } from "../logs/rekor-log.ts";
import { serveFiles } from "../logs/static-files.ts";
import { startTesseraPosix } from "../logs/tessera-posix.ts";
import { startOwnWitness } from "../own-witness.ts";
import { programVersion } from "../programs.ts";
import { SUNLIGHT_MIRROR_PROGRAMS, startSunlightMirror } from "../sunlight-mirror.ts";
import {
  LITEWITNESS_PROGRAMS,
  type PeerWitness,
  SIGSUM_PROGRAMS,
  SUNLIGHT_HEAD_PROGRAMS,
  SUNLIGHT_PROGRAMS,
  startLitewitness,
  startOmniwitness,
  startSigsumWitness,
  startSunlight,
} from "../witness-programs.ts";
import { startOwnLog } from "./own-log.ts";
import type { Kind, RecordedSubject } from "./record.ts";
import { runTester } from "./run-tester.ts";
import { sigsumOrigin, testLogs } from "./test-logs.ts";

/** A program under test while it runs. */
interface Running {
  readonly url: string;
  /** A witness's monitoring prefix. */
  readonly monitoring?: string;
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
  /** Takes minutes: only where there is time for it. */
  readonly isSlow?: boolean;
  readonly version: () => string;
  start(): Promise<Running>;
}

const SHOWN_BY_TEST =
  "writes what it shows of its logs to files, which the plain file server of the test serves";
const ENTRIES = 70_000;
const PEER_ENTRIES = 600;

export const SUBJECTS: readonly Subject[] = [
  {
    kind: "witness",
    name: "bristlecone",
    programs: [],
    version: packageVersion,
    start: async () => {
      const witness = await startOwnWitness(await testLogs("vkeys"));
      return { ...witness, monitoring: witness.url };
    },
  },
  {
    ...installed("witness", "omniwitness", ["omniwitness"]),
    start: async () => startOmniwitness(await testLogs("yaml")),
  },
  {
    ...installed("witness", "litewitness", LITEWITNESS_PROGRAMS),
    start: async () => startLitewitness(await testLogs("list")),
  },
  {
    ...installed("witness", "sunlight", SUNLIGHT_PROGRAMS),
    note: SHOWN_BY_TEST,
    start: async () => await withShownFiles(await startSunlight(await testLogs("list"))),
  },
  {
    ...installed("witness", "sunlight-head", SUNLIGHT_HEAD_PROGRAMS),
    note: SHOWN_BY_TEST,
    start: async () =>
      await withShownFiles(await startSunlight(await testLogs("list"), { edition: "-head" })),
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
    start: async () => startOwnLog({ types: [1], entries: ENTRIES }),
  },
  {
    kind: "log",
    name: "bristlecone, empty",
    programs: [],
    flags: ["--allow-writes"],
    version: packageVersion,
    start: async () => startOwnLog({ types: [1], entries: 0 }),
  },
  {
    ...installed("log", "tessera-posix", ["tessera-posix"]),
    flags: ["--allow-writes"],
    start: async () => await withEntries(await startTesseraPosix()),
  },
  {
    ...installed("log", "tessera-posix", ["tessera-posix"]),
    name: "tessera-posix, empty",
    flags: ["--allow-writes"],
    // It integrates what it is sent once a second, and the tester sends one entry after the other.
    isSlow: true,
    start: startEmptyTessera,
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
  {
    ...installed("log", "sunlight-mirror", SUNLIGHT_MIRROR_PROGRAMS),
    // Skylight answers 429 to whoever asks often and does not say who they are; example.com it takes for nobody.
    flags: ["--contact", "tester@bristlecone.test"],
    note: "holds a log of ours and is served by Skylight; the checkpoint it keeps has the one signature it knows, an ML-DSA-44 one",
    start: startSunlightMirrorOfOwn,
  },
];

/** Starts it with nothing, tests it, and stops it. */
export async function testSubject(subject: Subject): Promise<RecordedSubject> {
  const { kind, name, flags = [], note } = subject;
  const running = await subject.start();
  try {
    const shown = running.monitoring === undefined ? [] : ["--monitoring", running.monitoring];
    const keys = running.vkeys.flatMap((vkey) => ["--vkey", vkey]);
    const names = [
      ...keys.map((word) => (word === "--vkey" ? word : "VKEY")),
      ...shown.map((word) => (word === "--monitoring" ? word : "URL")),
    ];
    return {
      kind,
      name,
      version: subject.version(),
      testedOn: new Date().toISOString().slice(0, "2026-01-01".length),
      command: ["bristlecone conformance", kind, "URL", ...names, ...flags].join(" "),
      ...(note !== undefined && { note }),
      results: await runTester(kind, running.url, [...keys, ...shown, ...flags]),
    };
  } finally {
    await running.stop();
  }
}

function installed(kind: Kind, name: string, programs: readonly string[]) {
  return { kind, name, programs, version: () => programVersion(programs[0] ?? name) };
}

async function withShownFiles(witness: PeerWitness): Promise<Running> {
  const files = await serveFiles(witness.shownFolder ?? "");
  return {
    ...witness,
    monitoring: files.url,
    async stop() {
      await files.stop();
      await witness.stop();
    },
  };
}

/** It knows one log, by a name made of the log's key. */
async function startSigsum(): Promise<Running> {
  const origin = await sigsumOrigin();
  const [main] = await testLogs("vkeys");
  if (main === undefined) throw new Error("there is no test log");
  const { publicKey, type } = parseVerifierKey(main.vkey);
  const renamed = { name: origin, type, publicKey };
  return await startSigsumWitness([
    { origin, vkey: formatVerifierKey({ ...renamed, keyId: keyIdOf(renamed) }) },
  ]);
}

async function startSunlightMirrorOfOwn(): Promise<Running> {
  const log = await startOwnLog({ types: [1, 6], entries: PEER_ENTRIES });
  const mirror = await startSunlightMirror({ origin: log.origin, vkey: log.vkeys[1] ?? "", url: log.url });
  const end = Date.now() + 60_000;
  for (let size = ""; size !== String(PEER_ENTRIES); ) {
    if (Date.now() > end) throw new Error(`the mirror has not all of the log\n${mirror.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    size = (await (await fetch(`${mirror.url}/checkpoint`)).text()).split("\n")[1] ?? "";
  }
  return {
    url: mirror.url,
    vkeys: log.vkeys.slice(1),
    async stop() {
      await mirror.stop();
      await log.stop();
    },
  };
}

async function startEmptyTessera(): Promise<Running> {
  const log = await startTesseraPosix();
  return { url: log.url, vkeys: [log.vkey], stop: () => log.stop() };
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
