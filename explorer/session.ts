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
import { fetchLogInfo, type LogInfo } from "./log-info.ts";
import { fetchPastHeads } from "./past-heads.ts";
import type { Place } from "./place.ts";
import { differsFrom, type PageTrust, trustOfPage } from "./trust.ts";

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
  /** Heads that the log kept, verified here. */
  readonly pastHeads: readonly GrowthPoint[];
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
  pastHeads: [],
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
    const { trust } = state;
    if (client === undefined || trust === undefined) return;
    try {
      const head = await client.checkpoint();
      const believed = believedFor(head, trust);
      const isNew = head.rootHash.join() !== state.head?.rootHash.join();
      const report = await explainCheckpoint({ ...believed, signedNote: head.signedNote });
      const growth = isNew ? await rememberGrowth(memory, state.growth, head) : state.growth;
      change({
        trust: believed,
        keysDiffer: differsFrom(believed, state.info),
        head,
        report,
        growth,
        pastHeads:
          state.head === undefined ? await fetchPastHeads(place.headsUrl, believed) : state.pastHeads,
        verifiedAtMs: Date.now(),
        failure: undefined,
        failedReport: undefined,
      });
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      change({ failure: error, failedReport: await failedReport(fetcher, error, trust) });
    }
  }

  async function reopen(): Promise<void> {
    const info = await fetchLogInfo(fetcher);
    try {
      const trust = await trustOfPage(place, memory, info);
      client = trust && openLogClient({ ...clientOptions(place, trust), checkpoints: memory, cache });
      state = { ...FRESH, info, trust, keysDiffer: trust !== undefined && differsFrom(trust, info) };
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      state = { ...FRESH, info, failure: error };
    }
    change({});
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
    reopen,
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
