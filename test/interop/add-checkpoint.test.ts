import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatAddCheckpoint } from "../../src/tlog/add-checkpoint.ts";
import { concatBytes, encodeBase64, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { TestLog, testLog } from "../witness/harness.ts";
import { startOwnWitness } from "./own-witness.ts";
import { lacks } from "./programs.ts";
import { LITEWITNESS_PROGRAMS, startLitewitness, startOmniwitness } from "./witness-programs.ts";

/** What a client sees: "200", "404", or for a conflict "409 3". */
type Answer = string;

interface Case {
  readonly name: string;
  /** What c2sp.org/tlog-witness says. */
  readonly want: Answer;
  readonly body: () => Promise<Uint8Array>;
  /** Where another program answers otherwise; our client has to live with it. */
  readonly omniwitness?: Answer;
  readonly litewitness?: Answer;
}

const log = await testLog("cases.test/log", { number: 1 });
const fresh = await testLog("cases.test/fresh", { number: 2 });
const empty = await testLog("cases.test/empty", { number: 6 });
const forked = await testLog("cases.test/forked", { number: 3 });
const stranger = await testLog("cases.test/unknown", { number: 4 });
const impostor = new TestLog(log.origin, (await testLog(log.origin, { number: 5 })).signers, log.tree);
const fork = forked.forkedAt(2);

/** In order: each witness starts with nothing, and goes through them all. */
const cases: readonly Case[] = [
  { name: "a log it does not know", want: "404", body: () => stranger.request(0, 3), omniwitness: "500" },
  { name: "a key it does not know", want: "403", body: () => impostor.request(0, 3), omniwitness: "500" },
  {
    name: "an old size for a log it never cosigned",
    want: "409 0",
    body: () => fresh.request(5, 7),
    omniwitness: "200",
  },
  { name: "a first checkpoint", want: "200", body: () => log.request(0, 3) },
  { name: "an old size that is not its own", want: "409 3", body: () => log.request(0, 7) },
  { name: "a checkpoint that continues it", want: "200", body: () => log.request(3, 7) },
  { name: "the same again", want: "200", body: () => log.request(7, 7) },
  { name: "a proof that does not verify", want: "422", body: () => withProof(7, 9, log.proof(6, 9)) },
  { name: "no proof", want: "422", body: () => withProof(7, 9, []) },
  { name: "a proof beside an equal size", want: "422", body: () => withProof(7, 7, log.proof(6, 9)) },
  { name: "an old size above the new one", want: "400", body: () => withProof(9, 7, []) },
  { name: "no empty line", want: "400", body: async () => encodeUtf8("old 7\n") },
  {
    name: "an old size with a leading zero",
    want: "400",
    body: () => replaced("old 7\n", "old 07\n"),
    omniwitness: "200",
    litewitness: "200",
  },
  {
    name: "words after the old size",
    want: "400",
    body: () => replaced("old 7\n", "old 7 x\n"),
    omniwitness: "200",
  },
  {
    name: "64 lines of proof",
    want: "400",
    body: () => withLines(64),
    omniwitness: "422",
  },
  {
    name: "size 0 with a root that is not the empty tree's",
    want: "422",
    body: () => emptyWithRoot(),
    omniwitness: "200",
    litewitness: "200",
  },
  { name: "before a fork", want: "200", body: () => forked.request(0, 6) },
  { name: "another root of the same size", want: "422", body: () => fork.request(6, 6), omniwitness: "409" },
];

async function withProof(from: number, to: number, proof: readonly Uint8Array[]): Promise<Uint8Array> {
  return formatAddCheckpoint({ oldSize: from, proof, checkpoint: await log.note(to) });
}

async function withLines(count: number): Promise<Uint8Array> {
  const lines = `${encodeBase64(new Uint8Array(32))}\n`.repeat(count);
  return concatBytes(encodeUtf8(`old 7\n${lines}\n`), await log.note(9));
}

async function replaced(before: string, after: string): Promise<Uint8Array> {
  const body = await log.request(7, 7);
  return concatBytes(encodeUtf8(after), body.subarray(before.length));
}

async function emptyWithRoot(): Promise<Uint8Array> {
  return concatBytes(encodeUtf8("old 0\n\n"), await empty.note(0, { rootHash: log.root(3) }));
}

async function ask(url: string, body: Uint8Array): Promise<Answer> {
  const response = await fetch(`${url}/add-checkpoint`, { method: "POST", body: new Uint8Array(body) });
  const text = await response.text();
  const isSize = response.headers.get("Content-Type") === "text/x.tlog.size";
  return isSize ? `${response.status} ${text.trimEnd()}` : `${response.status}`;
}

const logs = [log, fresh, empty, forked].map(({ origin, keys }) => {
  const [key] = keys;
  return { origin, vkey: key === undefined ? "" : formatVerifierKey(key) };
});

const witnesses = [
  { of: "ours", isThere: true, start: startOwnWitness },
  { of: "omniwitness", isThere: !lacks("omniwitness"), start: startOmniwitness },
  { of: "litewitness", isThere: !lacks(...LITEWITNESS_PROGRAMS), start: startLitewitness },
] as const;

describe.each(witnesses)("add-checkpoint of $of", ({ of, isThere, start }) => {
  let witness: { readonly url: string; stop(): Promise<void> };

  beforeAll(async () => {
    if (isThere) witness = await start(logs);
  });

  afterAll(async () => {
    if (isThere) await witness.stop();
  });

  it.skipIf(!isThere).each(cases)("answers $name with $want", async ({ want, body, ...others }) => {
    const known = of === "ours" ? undefined : others[of];
    expect(await ask(witness.url, await body())).toBe(known ?? want);
  });
});
