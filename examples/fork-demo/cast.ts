/** Who plays: witnesses over real sockets, and branches of one log that share its key. */
import { type LogClient, openLogClient } from "../../client/index.ts";
import {
  formatSigningKey,
  generateSigningKey,
  type NoteSigner,
  openCosignerKey,
  openLog,
  openMemoryStore,
  openWitness,
  serveLog,
  serveWitness,
  type Witness,
  type WitnessedLog,
} from "../../src/server.ts";
import { openMemoryWitnessStore } from "../../src/store/witness-memory.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";

const ANY_PORT = { host: "127.0.0.1", port: 0 };

/** What was opened is closed in reverse order. */
export type Closing = (() => Promise<unknown>)[];

export interface Player {
  readonly witness: Witness;
  readonly vkey: string;
  readonly url: string;
}

/** The text of a new cosigner's key: a secret. */
export async function newCosignerKey(name: string): Promise<string> {
  return formatSigningKey(await generateSigningKey({ name, type: 0x04 }));
}

/** A witness of one log. One key given to two of them is what an honest operator never does. */
export async function openPlayer(signingKey: string, log: WitnessedLog, closing: Closing): Promise<Player> {
  const key = await openCosignerKey(signingKey);
  const hash = originHash(log.origin);
  const witness = await openWitness({
    store: openMemoryWitnessStore({ name: key.verifierKey.name }),
    keys: [key],
    roster: {
      find: (origin) => (origin === log.origin ? log : undefined),
      findByHash: (asked) => (asked === hash ? log : undefined),
      logs: () => [log],
    },
  });
  closing.push(() => witness.close());
  const server = await serveWitness({ witness, listen: ANY_PORT });
  closing.push(() => server.close());
  return { witness, vkey: formatVerifierKey(key.verifierKey), url: server.url };
}

/** One branch, and a client that was led there. */
export interface Branch {
  readonly url: string;
  readonly client: LogClient;
  readonly policy: string;
}

/** A log of its own, with the key that the other branch has too. */
export async function openBranch(
  { signer, policy }: { readonly signer: NoteSigner; readonly policy: string },
  closing: Closing,
): Promise<Branch> {
  const log = await openLog({
    store: openMemoryStore({ origin: signer.verifierKey.name }),
    signer,
    witnesses: { policy },
  });
  closing.push(() => log.close());
  const server = await serveLog({ log, listen: ANY_PORT });
  closing.push(() => server.close());
  return { url: server.url, client: openLogClient({ url: server.url, policy }), policy };
}
