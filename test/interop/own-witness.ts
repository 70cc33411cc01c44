/** A witness of ours, durable on disk and served over HTTP. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCosignerKey, openWitness, serveWitness } from "../../src/server.ts";
import { formatSigningKey, generateSigningKey, parseVerifierKey } from "../../src/tlog/key.ts";
import { openRoster } from "../../src/witness/roster.ts";
import type { PeerLog } from "./witness-programs.ts";

export interface OwnWitness {
  readonly name: string;
  /** The Ed25519 one first. */
  readonly vkeys: readonly string[];
  readonly url: string;
  /** What it told, in order: "cosigned log.test 3", "refused log.test SIZE_CONFLICT". */
  readonly told: readonly string[];
  stop(): Promise<void>;
}

/** @param logs - a row for each key. */
export async function startOwnWitness(
  logs: readonly PeerLog[],
  {
    name = "w0.test/own",
    types = [4, 6],
  }: { readonly name?: string; readonly types?: readonly (4 | 6)[] } = {},
): Promise<OwnWitness> {
  const told: string[] = [];
  const keys = await Promise.all(
    types.map(async (type) => openCosignerKey(formatSigningKey(await generateSigningKey({ name, type })))),
  );
  const entries = [...new Set(logs.map(({ origin }) => origin))].map((origin) => ({
    origin,
    logKeys: logs.filter((log) => log.origin === origin).map(({ vkey }) => parseVerifierKey(vkey)),
    urls: [],
    queriesPerDay: undefined,
    isDisabled: false,
  }));
  const witness = await openWitness({
    directory: join(await mkdtemp(join(tmpdir(), "bristlecone-own-")), "data"),
    keys,
    roster: openRoster({ owner: { name }, sources: { settings: entries, operator: [], listed: [] } }),
    events: {
      cosigned: ({ origin, treeSize }) => told.push(`cosigned ${origin} ${treeSize}`),
      refused: ({ origin, code }) => told.push(`refused ${origin} ${code}`),
      evidenceStored: ({ origin, kind }) => told.push(`evidence ${origin} ${kind}`),
    },
  });
  const server = await serveWitness({ witness, listen: { host: "127.0.0.1", port: 0 } });
  return {
    name,
    vkeys: witness.vkeys,
    url: server.url,
    told,
    async stop() {
      await server.close({ deadlineMs: 0 });
      await witness.close();
    },
  };
}
