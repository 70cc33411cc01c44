/** Witnesses in the log's own process, to try out what witnesses are for. Nobody but their operator can believe them. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import type { FetchFunction } from "../../client/fetcher.ts";
import { mlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import type { MountedWitness } from "../http/running-server.ts";
import { createWitnessApp } from "../http/witness.ts";
import { packageVersion } from "../node/package-version.ts";
import { type LogWitnesses, openGuardFile, openWitness, type Witness } from "../server.ts";
import { encodeUtf8 } from "../tlog/encoding.ts";
import { formatVerifierKey, type VerifierKey } from "../tlog/key.ts";
import { formatPolicy, type Policy, parsePolicy } from "../tlog/policy.ts";
import { openRoster } from "../witness/roster.ts";
import { isWitnessThere, openCosignerKeys } from "./cosigner-keys.ts";
import { replaceFile } from "./files.ts";
import type { DataPaths } from "./serve-key.ts";
import { type StartedWork, startThinning } from "./thinning.ts";

/** The group of the policy: more than half of them. */
const GROUP = "local-witnesses";

const HEADER = `# Written by bristlecone serve --local-witnesses at every start: copy it before you change it.
# These witnesses run in the log's own process. They prove nothing to anybody who does not trust its operator already.
`;

export interface LocalWitnessOptions {
  readonly count: number;
  /** The log's data directory: the witnesses live in `<data>.witnesses/<name>`, with key and guard beside. */
  readonly data: string;
  /** The log's, all of one name. */
  readonly logKeys: readonly VerifierKey[];
  /** Where the log will listen, as far as that is known. */
  readonly url: string;
  readonly events: Required<WitnessEvents>;
}

export interface LocalWitnesses {
  /** For the log's listener: /witness/w1/, … */
  readonly mounted: readonly MountedWitness[];
  /** What the log needs to ask them without the network. */
  readonly asked: Pick<LogWitnesses, "policy" | "fetchFor">;
  readonly policyPath: string;
  /** Writes the policy for people who verify. @param url - where the log listens. */
  writePolicy(url: string): Promise<void>;
  close(): Promise<void>;
}

interface LocalWitness {
  /** In paths and in the policy: "w1". */
  readonly name: string;
  readonly key: VerifierKey;
  /** Undefined: it is lost, and what it signed may still count. */
  readonly witness: Witness | undefined;
}

/**
 * Opens the witnesses, or makes them. One that cannot be opened is told as a warning, WITNESS_LOST, and keeps its place in the
 * policy: a new one in its place would not be the one that people who keep the policy believe.
 * @throws {TlogError} CONFIG_INVALID | POLICY_MALFORMED
 */
export async function openLocalWitnesses(options: LocalWitnessOptions): Promise<LocalWitnesses> {
  const { data, count, events, url } = options;
  const policyPath = `${data}.policy`;
  mkdirSync(`${data}.witnesses`, { recursive: true, mode: 0o700 });
  const known = keysIn(policyPath);
  const names = Array.from({ length: count }, (_, index) => `w${index + 1}`);
  const witnesses: LocalWitness[] = [];
  for (const name of names) {
    const local = await openOrMiss(name, known.get(name), options);
    if (local !== undefined) witnesses.push(local);
  }
  const mounted = witnesses.flatMap(({ name, witness }) =>
    witness === undefined ? [] : [{ path: name, witness }],
  );
  const work = mounted.map(({ witness }) => startThinning(witness, events));
  return {
    mounted,
    asked: { policy: policyOf(witnesses, { ...options, url }), fetchFor: fetcherOf(witnesses, events) },
    policyPath,
    async writePolicy(listening) {
      const policy = formatPolicy(policyOf(witnesses, { ...options, url: listening }));
      await replaceFile(policyPath, Buffer.concat([encodeUtf8(HEADER), policy]));
    },
    close: () => closeAll(mounted, work),
  };
}

async function openOrMiss(
  name: string,
  known: VerifierKey | undefined,
  options: LocalWitnessOptions,
): Promise<LocalWitness | undefined> {
  const { data, events } = options;
  const paths = pathsOf(data, name);
  try {
    if (known !== undefined && !(existsSync(paths.key) && isWitnessThere(paths))) {
      throw new TlogError("KEY_FILE_MISSING", `its key or its data is gone from ${data}.witnesses`);
    }
    const { key, witness } = await open(name, paths, options);
    return { name, key, witness };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const way = `to replace it, remove ${paths.data}, ${paths.key}, ${paths.guard} and ${data}.policy, and give the new policy to whoever keeps the old one`;
    events.warning({ code: "WITNESS_LOST", message: `local witness ${name}: ${error.message}; ${way}` });
    return known === undefined ? undefined : { name, key: known, witness: undefined };
  }
}

async function open(
  name: string,
  paths: DataPaths,
  { logKeys, events }: LocalWitnessOptions,
): Promise<{ readonly key: VerifierKey; readonly witness: Witness }> {
  const origin = logKeys[0]?.name ?? "";
  const keys = await openCosignerKeys(paths, {
    name: `${origin}/witness/${name}`,
    mlDsa44,
    recreateGuard: false,
  });
  const [key] = keys.map(({ verifierKey }) => verifierKey);
  if (key === undefined) throw new TlogError("KEY_FILE_MISSING", `${paths.key} holds no key`);
  const log = { origin, logKeys, urls: [], queriesPerDay: undefined, isDisabled: false };
  const owner = { name: key.name, ownKeys: [key.publicKey] };
  const roster = openRoster({ owner, sources: { settings: [log], operator: [], listed: [] } });
  const guard = await openGuardFile(paths.guard);
  const options = { directory: paths.data, keys, roster, guard, events: quieter(name, events) };
  return { key, witness: await openWitness(options) };
}

/** Says which witness speaks; and whoever runs witnesses in one process has all their guards on one volume. */
function quieter(name: string, events: Required<WitnessEvents>): WitnessEvents {
  return {
    ...events,
    warning: ({ code, message }) => {
      if (code !== "GUARD_ON_SAME_VOLUME")
        events.warning({ code, message: `local witness ${name}: ${message}` });
    },
  };
}

function pathsOf(data: string, name: string): DataPaths {
  const place = `${data}.witnesses/${name}`;
  return { data: place, key: `${place}.key`, guard: `${place}.guard`, mlDsaKey: undefined };
}

/**
 * The keys that an earlier start wrote down, by name.
 * @throws {TlogError} CONFIG_INVALID when somebody else wrote the file: it would be lost.
 */
function keysIn(policyPath: string): ReadonlyMap<string, VerifierKey> {
  if (!existsSync(policyPath)) return new Map();
  const text = readFileSync(policyPath, "utf8");
  if (!text.startsWith(HEADER)) {
    throw new TlogError(
      "CONFIG_INVALID",
      `${policyPath} is where --local-witnesses writes its policy, and somebody else wrote it: move it, and name it with --policy if the log shall ask its witnesses`,
    );
  }
  return new Map(parsePolicy(text).witnesses.map(({ name, key }) => [name, key]));
}

function policyOf(
  witnesses: readonly LocalWitness[],
  { logKeys, url }: { readonly logKeys: readonly VerifierKey[]; readonly url: string },
): Policy {
  const members = witnesses.map(({ name }) => name);
  const threshold = Math.floor(members.length / 2) + 1;
  return {
    logs: logKeys.map((key) => ({ key, url })),
    witnesses: witnesses.map(({ name, key }) => ({ name, key, url: `${url}${pathOf(name)}` })),
    groups: [{ name: GROUP, threshold, members }],
    quorum: GROUP,
  };
}

function pathOf(name: string): string {
  return `/witness/${name}`;
}

/** The same app that others reach over the network, without the network. */
function fetcherOf(
  witnesses: readonly LocalWitness[],
  events: Required<WitnessEvents>,
): (witness: { readonly key: VerifierKey }) => FetchFunction | undefined {
  const version = packageVersion();
  const fetchers = new Map<string, FetchFunction>();
  for (const { name, key, witness } of witnesses) {
    if (witness === undefined) continue;
    const onError = ({ error, method, path }: { error: unknown; method: string; path: string }) =>
      events.requestFailed({ method, path, message: String(error) });
    const app = createWitnessApp({ witness, version, onError }, pathOf(name));
    fetchers.set(formatVerifierKey(key), async (url, init) => await app.fetch(new Request(url, init)));
  }
  return ({ key }) => fetchers.get(formatVerifierKey(key));
}

async function closeAll(mounted: readonly MountedWitness[], work: readonly StartedWork[]): Promise<void> {
  await Promise.all(work.map((one) => one.close()));
  await Promise.all(mounted.map(({ witness }) => witness.close()));
}
