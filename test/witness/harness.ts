/** A witness over the memory store with a clock that tests move, and logs of known trees that ask it. */
import { mlDsa44 } from "../../src/crypto/ml-dsa.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import { openMemoryWitnessStore } from "../../src/store/witness-memory.ts";
import type { WitnessStore } from "../../src/store/witness-store.ts";
import { formatAddCheckpoint } from "../../src/tlog/add-checkpoint.ts";
import { formatCheckpoint } from "../../src/tlog/checkpoint-body.ts";
import { type CosignerKey, openCosignerKey } from "../../src/tlog/cosigner.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import {
  formatSigningKey,
  generateSigningKey,
  type KeyType,
  type NoteSigner,
  openSigner,
  type VerifierKey,
} from "../../src/tlog/key.ts";
import { signNote } from "../../src/tlog/note.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { openWitnessEngine } from "../../src/witness/open-witness.ts";
import type { WitnessOptions } from "../../src/witness/options.ts";
import type { Roster, Witness, WitnessedLog } from "../../src/witness/witness.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";

export const WITNESS = "witness.example/w1";
export const START_SECONDS = 1_700_000_000;

/** What a witness tells, in order. */
export interface Told {
  readonly event: string;
  readonly code?: string;
  readonly origin?: string;
}

export interface TestWitness {
  readonly witness: Witness;
  readonly store: WitnessStore;
  readonly told: Told[];
  /** POSIX seconds; tests set it. */
  readonly clock: { seconds: number };
}

/** A log that exists as a tree of so many leaves, and signs whatever it is asked to. */
export class TestLog {
  readonly origin: string;
  readonly signers: readonly NoteSigner[];
  readonly tree: ReferenceTree;

  constructor(origin: string, signers: readonly NoteSigner[], tree: ReferenceTree) {
    this.origin = origin;
    this.signers = signers;
    this.tree = tree;
  }

  get keys(): readonly VerifierKey[] {
    return this.signers.map(({ verifierKey }) => verifierKey);
  }

  /** The same log with other leaves from `from` on: a fork. */
  forkedAt(from: number): TestLog {
    const leaves = this.tree.leafHashes.map((leaf, index) =>
      index < from ? leaf : leafHashOf(encodeUtf8(`fork ${index}`)),
    );
    return new TestLog(this.origin, this.signers, new ReferenceTree(leaves));
  }

  root(size: number): Uint8Array {
    return size === 0 ? new ReferenceTree([]).root(0) : this.tree.root(size);
  }

  async note(
    size: number,
    more: { rootHash?: Uint8Array; extensions?: readonly string[] } = {},
  ): Promise<Uint8Array> {
    const { rootHash = this.root(size), extensions = [] } = more;
    const text = formatCheckpoint({ origin: this.origin, treeSize: size, rootHash, extensions });
    return await signNote(encodeUtf8(text), this.signers);
  }

  proof(from: number, to: number): readonly Uint8Array[] {
    return from === 0 || from === to ? [] : this.tree.proof(from, to);
  }

  /** A whole add-checkpoint request that is right, from size to size. */
  async request(from: number, to: number): Promise<Uint8Array> {
    return formatAddCheckpoint({
      oldSize: from,
      proof: this.proof(from, to),
      checkpoint: await this.note(to),
    });
  }
}

export async function testLog(
  origin: string,
  options: { size?: number; types?: readonly KeyType[]; number?: number } = {},
): Promise<TestLog> {
  const { size = 40, types = [1], number = 1 } = options;
  const signers = await Promise.all(
    types.map(async (type) => {
      const seed = new Uint8Array(32).fill(number + type);
      return await openSigner(formatSigningKey(await generateSigningKey({ name: origin, type, seed })));
    }),
  );
  const leaves = Array.from({ length: size }, (_, index) => leafHashOf(encodeUtf8(`${origin} ${index}`)));
  return new TestLog(origin, signers, new ReferenceTree(leaves));
}

export async function cosignerKey(name: string, type: 4 | 6 = 4, number = 90): Promise<CosignerKey> {
  const seed = new Uint8Array(32).fill(number + type);
  return await openCosignerKey(formatSigningKey(await generateSigningKey({ name, type, seed })));
}

/** How a witness knows a test log. */
export function known(log: TestLog, more: Partial<WitnessedLog> = {}): WitnessedLog {
  return {
    origin: log.origin,
    logKeys: log.keys,
    urls: [],
    queriesPerDay: undefined,
    isDisabled: false,
    ...more,
  };
}

/** A roster that tests may change under the witness. */
export function listRoster(logs: readonly WitnessedLog[]): Roster & { logs: () => readonly WitnessedLog[] } {
  return {
    find: (origin) => logs.find((log) => log.origin === origin),
    findByHash: (hash) => logs.find((log) => originHash(log.origin) === hash),
    logs: () => logs,
  };
}

export async function testWitness(
  logs: readonly WitnessedLog[],
  more: Partial<WitnessOptions> & { readonly clock?: { seconds: number } } = {},
): Promise<TestWitness> {
  const told: Told[] = [];
  const clock = more.clock ?? { seconds: START_SECONDS };
  const store = more.store ?? openMemoryWitnessStore({ name: WITNESS });
  const witness = await openWitnessEngine({
    name: WITNESS,
    guard: memoryGuard(),
    keys: [await cosignerKey(WITNESS)],
    roster: listRoster(logs),
    events: {
      cosigned: ({ origin }) => told.push({ event: "cosigned", origin }),
      refused: ({ origin, code }) => told.push({ event: "refused", origin, code }),
      evidenceStored: ({ origin, kind }) => told.push({ event: "evidenceStored", origin, code: kind }),
      warning: ({ code }) => told.push({ event: "warning", code }),
      turnedReadOnly: ({ code }) => told.push({ event: "turnedReadOnly", code }),
    },
    now: () => clock.seconds * 1000,
    randomToken: () => crypto.randomUUID().replaceAll("-", ""),
    mlDsa44,
    thinning: [],
    recreateGuard: false,
    ownSignatures: [],
    adoptOwnSignatures: false,
    ...more,
    store,
  });
  return { witness, store, told, clock };
}
