import { describe, expect, it } from "vitest";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { type TestLog, testLog } from "../witness/harness.ts";
import { startOwnWitness } from "./own-witness.ts";
import { PEERS } from "./witness-field.ts";
import type { PeerLog } from "./witness-programs.ts";

/** What stands in decision 0016: why our log shows its empty tree to no witness. Sigsum's witness takes no log of this name. */
const witnesses = [
  { name: "own", start: startOwnWitness, afterwards: 200 },
  ...PEERS.filter(({ name }) => name !== "sigsum-witness").map(({ name, start }) => {
    return { name, start, afterwards: name === "sunlight" ? 422 : 200 };
  }),
];

async function ask(url: string, request: Uint8Array): Promise<number> {
  const body = new Uint8Array(request);
  return (await fetch(`${url}/add-checkpoint`, { method: "POST", body })).status;
}

function known({ origin, keys: [key] }: TestLog): readonly PeerLog[] {
  return key === undefined ? [] : [{ origin, vkey: formatVerifierKey(key) }];
}

describe("a log whose empty tree a witness cosigned", () => {
  it.each(witnesses)("has $afterwards from $name for its next tree", async ({ start, afterwards }) => {
    const log = await testLog("empty.test/log");
    const witness = await start(known(log));
    try {
      expect(await ask(witness.url, await log.request(0, 0))).toBe(200);
      expect(await ask(witness.url, await log.request(0, 1))).toBe(afterwards);
    } finally {
      await witness.stop();
    }
  });
});
