/** Witnesses of the drill's own, in this process and in memory: as many as the policy has, in the same groups, with other keys. */
import type { FetchFunction } from "../../client/fetcher.ts";
import { createWitnessApp } from "../http/witness.ts";
import { packageVersion } from "../node/package-version.ts";
import { type CosignerKey, openCosignerKey, openRoster, openWitness, type Witness } from "../server.ts";
import { openMemoryWitnessStore } from "../store/witness-memory.ts";
import { COSIGNATURE_V1 } from "../tlog/cosignature.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, type VerifierKey } from "../tlog/key.ts";
import type { Policy, PolicyWitness } from "../tlog/policy.ts";

export interface DrillWitnesses {
  readonly policy: Policy;
  /** Names, as the policy has them. */
  readonly names: readonly string[];
  /** Makes requests of a witness; one that is lost does not answer. */
  readonly fetchFor: (witness: PolicyWitness) => FetchFunction;
  /** Those that do not answer from now on. */
  lose(names: readonly string[]): void;
  witness(name: string): Witness | undefined;
  close(): Promise<void>;
}

const DEFAULT_NAMES = ["w1", "w2", "w3"];
/** Nobody listens there: what is asked is answered in this process. RFC 2606 §2. */
const NOWHERE = "http://witness.invalid";

/** @param policy - whose groups and quorum are taken; undefined: three witnesses, of which two. */
export async function openDrillWitnesses(
  logKey: VerifierKey,
  policy: Policy | undefined,
): Promise<DrillWitnesses> {
  const names = policy?.witnesses.map(({ name }) => name) ?? DEFAULT_NAMES;
  const apps = new Map<string, FetchFunction>();
  const byName = new Map<string, Witness>();
  const lines: PolicyWitness[] = [];
  let lost: readonly string[] = []; // owned by lose()
  for (const [at, name] of names.entries()) {
    const key = await cosignerKey(`${logKey.name}/w${at + 1}`);
    const { verifierKey } = key;
    const witness = await openWitness({
      store: openMemoryWitnessStore({ name: verifierKey.name }),
      keys: [key],
      roster: rosterOf(logKey, key),
    });
    const app = createWitnessApp({ witness, version: packageVersion(), onError: () => undefined });
    byName.set(name, witness);
    lines.push({ name, key: verifierKey, url: `${NOWHERE}/${at + 1}` });
    apps.set(formatVerifierKey(verifierKey), async (url, init) => {
      if (lost.includes(name)) throw new TypeError("fetch failed: the drill took this witness away");
      const { pathname, search } = new URL(url);
      const asked = `${NOWHERE}${pathname.replace(/^\/\d+/, "")}${search}`;
      return await app.fetch(new Request(asked, init));
    });
  }
  const groups = policy?.groups ?? [{ name: "drill", threshold: 2, members: DEFAULT_NAMES }];
  return {
    policy: { logs: [{ key: logKey }], witnesses: lines, groups, quorum: policy?.quorum ?? "drill" },
    names,
    fetchFor({ key }) {
      const app = apps.get(formatVerifierKey(key));
      return app ?? (() => Promise.reject(new TypeError("fetch failed: nobody is there")));
    },
    lose(gone) {
      lost = gone;
    },
    witness: (name) => byName.get(name),
    async close() {
      await Promise.all([...byName.values()].map((witness) => witness.close()));
    },
  };
}

async function cosignerKey(name: string): Promise<CosignerKey> {
  return await openCosignerKey(formatSigningKey(await generateSigningKey({ name, type: COSIGNATURE_V1 })));
}

function rosterOf(logKey: VerifierKey, { verifierKey }: CosignerKey) {
  const owner = { name: verifierKey.name, ownKeys: [verifierKey.publicKey] };
  const log = {
    origin: logKey.name,
    logKeys: [logKey],
    urls: [],
    queriesPerDay: undefined,
    isDisabled: false,
  };
  return openRoster({ owner, sources: { settings: [log], operator: [], listed: [] } });
}
