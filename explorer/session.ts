/** One visit: the client of the log, the head it verified last, and what went wrong. */
import {
  type LogClient,
  LogForkedError,
  type LogHead,
  memoryTiles,
  openLogClient,
  type Policy,
  type TileCache,
  TlogError,
} from "../client/index.ts";
import {
  type CheckpointReport,
  decodeUtf8,
  explainCheckpoint,
  type Fetcher,
  formatPolicy,
  MAX_NOTE_BYTES,
  openFetcher,
} from "../client/inspect.ts";
import type { BrowserMemory, GrowthPoint } from "./browser-memory.ts";
import { withPoint } from "./growth.ts";
import { type ChangedKeys, readChangedKeys } from "./key-changes.ts";
import { fetchLogInfo, type LogInfo } from "./log-info.ts";
import { type PastHeads, readPastHeads } from "./past-heads.ts";
import type { Place } from "./place.ts";
import { differsFrom, type PageTrust, rememberTrust, trustOfPage } from "./trust.ts";

export interface SessionState {
  readonly trust: PageTrust | undefined;
  readonly info: LogInfo | undefined;
  /** The log now names other keys than those trusted. */
  readonly keysDiffer: boolean;
  /** The newest head that verified in this visit. */
  readonly head: LogHead | undefined;
  readonly report: CheckpointReport | undefined;
  readonly verifiedAtMs: number | undefined;
  /** Why the last look failed; undefined: it did not. */
  readonly failure: TlogError | undefined;
  /** Of a head that failed to verify: what was wrong with it. */
  readonly failedReport: CheckpointReport | undefined;
  readonly growth: readonly GrowthPoint[];
  /** Heads that the log kept, verified here; undefined: not read yet. */
  readonly pastHeads: PastHeads | undefined;
  /** Changes of the log's keys, oldest first. */
  readonly keyChanges: readonly ChangedKeys[];
  /** The log tells by itself what is new. */
  readonly isLive: boolean;
}

export interface Session {
  readonly place: Place;
  readonly memory: BrowserMemory;
  readonly fetcher: Fetcher;
  /** Tiles, which the client and the picture of the tree share. */
  readonly cache: TileCache;
  state(): SessionState;
  /** @throws {TlogError} ARGUMENT_INVALID when nobody said whom to believe. */
  client(): LogClient;
  /** Calls back after every change until the signal aborts. */
  onChange(listener: () => void, signal: AbortSignal): void;
  /** Looks for a new head, and verifies it. Never rejects: the state says what went wrong. */
  refresh(): Promise<void>;
  /** Whether the log tells what is new, or has to be asked. */
  setLive(isLive: boolean): void;
  /** After trust changed: starts over. */
  reopen(): Promise<void>;
}

const FRESH: SessionState = Object.freeze({
  trust: undefined,
  info: undefined,
  keysDiffer: false,
  head: undefined,
  report: undefined,
  verifiedAtMs: undefined,
  failure: undefined,
  failedReport: undefined,
  growth: [],
  pastHeads: undefined,
  keyChanges: [],
  isLive: false,
});

/** Opens a session; the first head is on its way. */
export async function openSession(place: Place, memory: BrowserMemory): Promise<Session> {
  // Few attempts: the next look comes by itself, and until then the page says what is wrong.
  const fetcher = openFetcher(place.logUrl, { timeoutMs: 15_000, retry: { maxAttempts: 2 } });
  const cache = memoryTiles();
  const listeners = new Set<() => void>();
  let client: LogClient | undefined; // owned by reopen()
  let state = FRESH; // owned by change()
  let refreshing: Promise<void> | undefined; // owned by refresh()

  function change(part: Partial<SessionState>): void {
    state = { ...state, ...part };
    for (const listener of listeners) listener();
  }

  async function look(): Promise<void> {
    if (client === undefined) {
      const opened = await openTrusted({ place, memory, fetcher, cache });
      ({ client } = opened);
      change(opened.state);
    }
    const { trust, head: known } = state;
    if (client === undefined || trust === undefined) return;
    try {
      const head = await client.checkpoint();
      const believed = believedFor(head, trust);
      change(await judged(head, believed, { memory, state }));
      if (known === undefined || believed !== trust) void readPast(client, head, believed);
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      change({ failure: error, failedReport: await failedReport(fetcher, error, trust) });
    }
  }

  /** What came before, as far as the log shows it: nothing waits for it. Never rejects. */
  async function readPast(asked: LogClient, head: LogHead, trust: PageTrust): Promise<void> {
    const keyChanges = await readChangedKeys({
      fetcher,
      memory,
      isShown: state.info?.hasKeyChanges === true,
      head,
      trust,
      client: asked,
    });
    if (client === asked && keyChanges.length > 0) change({ keyChanges });
    const pastHeads = await readPastHeads({ url: place.headsUrl, head, trust, keyChanges, client: asked });
    if (client === asked) change({ pastHeads });
  }

  async function reopen(): Promise<void> {
    client = undefined;
    await refreshing;
    await refresh();
  }

  function refresh(): Promise<void> {
    refreshing ??= look().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  await reopen();
  return {
    place,
    memory,
    fetcher,
    cache,
    state: () => state,
    client: () => {
      if (client !== undefined) return client;
      throw new TlogError("ARGUMENT_INVALID", "nobody said which key to trust");
    },
    onChange: (listener, signal) => {
      listeners.add(listener);
      signal.addEventListener("abort", () => listeners.delete(listener));
    },
    refresh,
    setLive: (isLive) => {
      if (isLive !== state.isLive) change({ isLive });
    },
    reopen,
  };
}

/** Whom to believe, and a client that believes it. Nothing is remembered of what cannot be used. */
async function openTrusted(
  asked: Pick<Session, "place" | "memory" | "fetcher" | "cache">,
): Promise<{ readonly client: LogClient | undefined; readonly state: SessionState }> {
  const { place, memory, fetcher, cache } = asked;
  const info = await fetchLogInfo(fetcher);
  try {
    const trust = await trustOfPage(place, memory, { fetcher, info });
    const client = trust && openLogClient({ ...clientOptions(place, trust), checkpoints: memory, cache });
    if (trust?.isNew === true) await rememberTrust(place, memory, trust);
    const keysDiffer = trust !== undefined && differsFrom(trust, info);
    return { client, state: { ...FRESH, info, trust, keysDiffer } };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return { client: undefined, state: { ...FRESH, info, failure: error } };
  }
}

async function judged(
  head: LogHead,
  trust: PageTrust,
  { memory, state }: { readonly memory: BrowserMemory; readonly state: SessionState },
): Promise<Partial<SessionState>> {
  const isNew = head.rootHash.join() !== state.head?.rootHash.join();
  return {
    trust,
    keysDiffer: differsFrom(trust, state.info),
    head,
    report: await explainCheckpoint({ ...trust, signedNote: head.signedNote }),
    growth: isNew ? await rememberGrowth(memory, state.growth, head) : state.growth,
    verifiedAtMs: Date.now(),
    failure: undefined,
    failedReport: undefined,
  };
}

async function rememberGrowth(
  memory: BrowserMemory,
  shown: readonly GrowthPoint[],
  { origin, treeSize }: LogHead,
): Promise<readonly GrowthPoint[]> {
  const known = shown.length > 0 ? shown : await memory.loadGrowth(origin);
  const growth = withPoint(known, { seconds: Math.floor(Date.now() / 1000), treeSize });
  await memory.saveGrowth(origin, growth);
  return growth;
}

/** Whom the client held the head against: it follows a log that changed its keys, from those that were chosen. spec/key-history.md */
function believedFor(
  head: LogHead & { readonly trust?: { readonly policy: Policy } },
  trust: PageTrust,
): PageTrust {
  if (head.trust === undefined) return trust;
  const { policy } = head.trust;
  const policyText = decodeUtf8(formatPolicy(policy));
  return policyText === decodeUtf8(formatPolicy(trust.policy)) ? trust : { ...trust, policy, policyText };
}

/** Takes apart what the log showed, once more and only to say what is wrong with it. */
async function failedReport(
  fetcher: Fetcher,
  error: TlogError,
  { policy, origin }: PageTrust,
): Promise<CheckpointReport | undefined> {
  const shown = error instanceof LogForkedError ? error.heads.shown : undefined;
  try {
    const signedNote =
      shown ?? (await fetcher.request({ path: "checkpoint", maxBytes: MAX_NOTE_BYTES })).body;
    return await explainCheckpoint({ signedNote, policy, origin });
  } catch {
    return undefined;
  }
}

function clientOptions({ logUrl }: Place, { policy, origin }: PageTrust) {
  return { url: logUrl, policy, origin, timeoutMs: 20_000, retry: { maxAttempts: 2 } } as const;
}
