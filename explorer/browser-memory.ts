/** What this browser remembers between visits: the last verified head of each log, whom it trusts, and how the log grew. */
import type { CheckpointMemory } from "../client/index.ts";
import { isSameCheckpoint } from "../client/inspect.ts";

/** A head that was verified here, and when the page saw it. */
export interface GrowthPoint {
  readonly seconds: number;
  readonly treeSize: number;
}

/** Keys that were trusted on the first visit, or that the reader chose. */
export interface RememberedTrust {
  readonly policy: string;
  readonly origin: string;
  readonly source: "you" | "first-visit";
  readonly sinceSeconds: number;
}

export interface BrowserMemory extends CheckpointMemory {
  /** False: everything is forgotten with the page (private browsing, storage switched off). */
  readonly lasts: boolean;
  /** Forgets a head, as the reader's own choice: what the log shows next is believed as on a first visit. */
  forgetHead(origin: string): Promise<void>;
  loadTrust(logUrl: string): Promise<RememberedTrust | undefined>;
  saveTrust(logUrl: string, trust: RememberedTrust | undefined): Promise<void>;
  loadGrowth(origin: string): Promise<readonly GrowthPoint[]>;
  saveGrowth(origin: string, points: readonly GrowthPoint[]): Promise<void>;
}

const STORE = "memory";

/** Opens the browser's database; where there is none, everything is kept as long as the page lives. */
export async function openBrowserMemory(): Promise<BrowserMemory> {
  const database = await openDatabase().catch(() => undefined);
  const records = database === undefined ? pageRecords() : databaseRecords(database);
  return {
    lasts: database !== undefined,
    load: async (origin) => bytesOf(await records.get(`head ${origin}`)),
    save: (origin, checkpoint, replaces) =>
      records.swap(`head ${origin}`, checkpoint.slice(), (found) =>
        isSameCheckpoint(bytesOf(found), replaces),
      ),
    forgetHead: async (origin) => void (await records.swap(`head ${origin}`, undefined, () => true)),
    loadTrust: async (logUrl) => trustOf(await records.get(`trust ${logUrl}`)),
    saveTrust: async (logUrl, trust) => void (await records.swap(`trust ${logUrl}`, trust, () => true)),
    loadGrowth: async (origin) => growthOf(await records.get(`growth ${origin}`)),
    saveGrowth: async (origin, points) =>
      void (await records.swap(`growth ${origin}`, [...points], () => true)),
  };
}

interface Records {
  get(key: string): Promise<unknown>;
  /** Writes in the same transaction that looked. @returns false when `mayReplace` refused what is there. */
  swap(key: string, value: unknown, mayReplace: (found: unknown) => boolean): Promise<boolean>;
}

function pageRecords(): Records {
  const values = new Map<string, unknown>();
  return {
    get: async (key) => values.get(key),
    swap: async (key, value, mayReplace) => {
      if (!mayReplace(values.get(key))) return false;
      values.set(key, value);
      return true;
    },
  };
}

function databaseRecords(database: IDBDatabase): Records {
  return {
    get: (key) => settled(database.transaction(STORE).objectStore(STORE).get(key)),
    swap: (key, value, mayReplace) =>
      new Promise((resolve, reject) => {
        const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
        const store = transaction.objectStore(STORE);
        let isReplaced = false; // owned by the next statement
        const found = store.get(key);
        found.onsuccess = () => {
          isReplaced = mayReplace(found.result);
          if (isReplaced) store.put(value, key);
        };
        transaction.oncomplete = () => resolve(isReplaced);
        transaction.onabort = () => reject(transaction.error);
      }),
  };
}

function openDatabase(): Promise<IDBDatabase> {
  const opening = indexedDB.open("bristlecone-explorer", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  return settled(opening);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}

function trustOf(value: unknown): RememberedTrust | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { policy, origin, source, sinceSeconds }: Partial<Record<keyof RememberedTrust, unknown>> = value;
  const isSource = source === "you" || source === "first-visit";
  if (typeof policy !== "string" || typeof origin !== "string" || typeof sinceSeconds !== "number")
    return undefined;
  return isSource ? { policy, origin, source, sinceSeconds } : undefined;
}

function growthOf(value: unknown): readonly GrowthPoint[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((point: Partial<Record<keyof GrowthPoint, unknown>> | null) =>
    typeof point?.seconds === "number" && typeof point.treeSize === "number"
      ? [{ seconds: point.seconds, treeSize: point.treeSize }]
      : [],
  );
}
