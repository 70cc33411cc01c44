import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { memoryGuard } from "../../src/keys/guard.ts";
import { type Log, type OpenLogOptions, openLog } from "../../src/server.ts";
import { formatVerifierKey, keyLabel, type NoteSigner, parseVerifierKey } from "../../src/tlog/key.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { entry, testSigner } from "../log/harness.ts";
import { startOwnWitness } from "./own-witness.ts";
import { lacks } from "./programs.ts";
import { LITEWITNESS_PROGRAMS, startLitewitness, startOmniwitness } from "./witness-programs.ts";

const ORIGIN = "peers.test/rotated";
const skipped = lacks("omniwitness", ...LITEWITNESS_PROGRAMS);
const [first, second] = [await testSigner(7, ORIGIN), await testSigner(21, ORIGIN)];
const KEY_CHANGE = { atSeconds: 1_795_320_000, signers: [second] };
const known = (signer: NoteSigner) => ({ origin: ORIGIN, vkey: formatVerifierKey(signer.verifierKey) });

type Cosigner = { readonly vkeys: readonly string[]; readonly url: string; stop(): Promise<void> };

let folder: string;
/** Two that know both keys, by their operators' word, and one that knows the first alone. */
let cosigners: readonly Cosigner[];
const told: string[] = [];

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-rotated-"));
  const both = [known(first), known(second)];
  cosigners = await Promise.all([
    startOwnWitness(both),
    startLitewitness(both),
    startOmniwitness([known(first)]),
  ]);
});

afterAll(async () => {
  if (skipped) return;
  await Promise.all(cosigners.map((cosigner) => cosigner.stop()));
  await rm(folder, { recursive: true });
});

function policyText(quorum: number): string {
  const names = cosigners.map((_, at) => `w${at}`);
  return [
    `log ${known(first).vkey}`,
    `log ${known(second).vkey}`,
    ...cosigners.map(({ vkeys, url }, at) => `witness w${at} ${vkeys[0]} ${url}`),
    `group q ${quorum} ${names.join(" ")}`,
    "quorum q\n",
  ].join("\n");
}

async function open(quorum: number, options: Partial<OpenLogOptions>): Promise<Log> {
  return await openLog({
    directory: join(folder, "log"),
    signers: [first],
    checkpointIntervalMs: 50,
    witnesses: { policy: policyText(quorum), timeoutMs: 10_000 },
    events: {
      warning: ({ code }) => told.push(code),
      witnessFailed: ({ name, code }) => told.push(`${name} ${code}`),
    },
    ...options,
  });
}

/** Adds one, and closes it. @returns who signed what was published, keys of the log first. */
async function grown(log: Log, text: string): Promise<readonly string[]> {
  const { leafIndex } = await log.add(entry(text));
  const { checkpoint } = await log.untilPublished(leafIndex, { signal: AbortSignal.timeout(30_000) });
  await log.close();
  return parseNote(checkpoint).signatures.map(keyLabel);
}

const labelOf = ({ vkeys: [vkey = ""] }: Cosigner): string => keyLabel(parseVerifierKey(vkey));
const [old, next] = [first, second].map(({ verifierKey }) => keyLabel(verifierKey));

describe.skipIf(skipped)(
  "a log of ours that replaces its key, before omniwitness, litewitness and ours",
  () => {
    it("is cosigned by all while both keys sign, and after that by those who were told of the new one", async () => {
      const everybody = cosigners.map(labelOf);
      expect(await grown(await open(3, {}), "one")).toEqual([old, ...everybody]);
      const changed = await open(3, { keyChange: KEY_CHANGE });
      expect(parseNote(changed.published().checkpoint).signatures.map(keyLabel)).toEqual([
        next,
        old,
        ...everybody,
      ]);
      await changed.close();
      expect(await grown(await open(3, { signers: [second, first] }), "two")).toEqual([
        next,
        old,
        ...everybody,
      ]);
      told.length = 0;
      const after = await grown(await open(2, { signers: [second] }), "three");
      expect(after).toEqual([next, ...everybody.slice(0, 2)]);
      expect(told.filter((line) => line.startsWith("w"))).toEqual(
        expect.arrayContaining([expect.stringMatching(/^w2 /)]),
      );
      expect(told.some((line) => /^w[01] /.test(line))).toBe(false);
    }, 120_000);
  },
);

describe.skipIf(skipped)(
  "a log of ours whose key leaked, and whose witnesses cosigned what the thief made",
  () => {
    it("is refused a start and a change, and changes it with the word that it leaked, to go on without them", async () => {
      const mine = join(folder, "mine");
      const thief = join(folder, "thief");
      const names = { ...known(first), origin: "peers.test/leaked" };
      const [key, fresh] = [await testSigner(31, names.origin), await testSigner(32, names.origin)];
      const vkeys = [key, fresh].map(({ verifierKey }) => formatVerifierKey(verifierKey));
      const logs = vkeys.map((vkey) => ({ origin: names.origin, vkey }));
      const witnesses = await Promise.all([startOwnWitness(logs), startLitewitness(logs)]);
      try {
        const policy = [
          ...vkeys.map((vkey) => `log ${vkey}`),
          ...witnesses.map(({ vkeys: [vkey], url }, at) => `witness w${at} ${vkey} ${url}`),
          "group q all w0 w1\nquorum q\n",
        ].join("\n");
        const asked = { policy, timeoutMs: 10_000 };
        const leaked = (options: Partial<OpenLogOptions>) =>
          open(2, { directory: mine, signers: [key], witnesses: asked, ...options });
        await grown(await leaked({}), "one");
        await cp(mine, thief, { recursive: true });
        const stolen = await leaked({ directory: thief, guard: memoryGuard(), recreateGuard: true });
        await grown(stolen, "of the thief");
        await expectCodeAsync(leaked({}), "LOG_ROLLED_BACK");
        const keyChange = { ...KEY_CHANGE, signers: [fresh] };
        await expectCodeAsync(leaked({ keyChange }), "LOG_ROLLED_BACK");
        told.length = 0;
        const changed = await leaked({ keyChange, isKeyLeaked: true });
        expect(told).toContain("KEY_MISUSED");
        // What they cosigned before is the same text, whoever else signed it.
        const cosigned = witnesses.map(labelOf);
        const lines = parseNote(changed.published().checkpoint).signatures.map(keyLabel);
        expect(lines).toEqual([...[fresh, key].map(({ verifierKey }) => keyLabel(verifierKey)), ...cosigned]);
        await changed.close();
        // They hold the thief's tree, and cosign no other one of this log any more.
        const stuck = await leaked({ signers: [fresh] });
        await stuck.add(entry("two"));
        await vi.waitFor(() => expect(stuck.witnessing()?.isQuorumMissing).toBe(true), { timeout: 30_000 });
        await stuck.close();
        const alone = await leaked({ signers: [fresh], witnesses: undefined });
        expect(alone.keyHistory?.changes).toHaveLength(1);
        expect(await grown(alone, "three")).toEqual([keyLabel(fresh.verifierKey)]);
      } finally {
        await Promise.all(witnesses.map((witness) => witness.stop()));
      }
    }, 120_000);
  },
);
