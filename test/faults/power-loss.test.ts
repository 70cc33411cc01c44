/**
 * A whole server loses power, at many moments of its life and in many ways (`npm run test:faults`; IMAGES says in how many, CUTS=all
 * at every moment there is). All its calls on files are recorded, and what a disk may hold after any of them is opened again.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { seededRandom } from "../../bench/load/arrivals.ts";
import { TlogError } from "../../src/errors.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { encodeHex } from "../../src/tlog/encoding.ts";
import { encodeBundle } from "../../src/tlog/entry-bundle.ts";
import { type RunningServe, startServe, stopServe } from "../cli/harness.ts";
import { openIndex, TileYard, wrongAnswers } from "../store/leaf-index/yard.ts";
import { hashNamed } from "../store/model.ts";
import { Disk, EVERYTHING, type Fate, NOTHING_UNSYNCED, randomFate } from "./power-loss.ts";
import { assertWitnessed, Heard, keptPromises } from "./promises.ts";
import { type Operation, parseRecording } from "./recording.ts";
import { buildDiskShim, shimmed } from "./shim.ts";

const IMAGES = Number(process.env.IMAGES ?? 400);
const EVERY_CUT = process.env.CUTS === "all";
const SEED = Number(process.env.SEED ?? 1);
const ORIGIN = "power.example/log";
const TIMEOUT_MS = EVERY_CUT ? 3_600_000 : 120_000 + 2_000 * IMAGES;

/** What the check says of a data file that was never synced when the power went. */
const FINDING = /no meta page of LMDB/;

/** Batches, each of another number of entries, so that an answer tells which it is. */
const BATCHES = [300, 700, 257].map((count) =>
  Array.from({ length: count }, (_, at) => new TextEncoder().encode(`batch of ${count}, entry ${at}`)),
);

interface Recorded {
  readonly operations: readonly Operation[];
  readonly root: string;
}

describe("a log that loses power", () => {
  let library = "";
  beforeAll(() => {
    library = buildDiskShim() ?? "";
  });
  beforeEach((context) => {
    if (library === "") context.skip("no preloaded library");
  });
  // Images are written by the hundred: where there is a file system in memory, there.
  const place = existsSync("/dev/shm") ? "/dev/shm" : inject("scratch");
  const images = mkdtempSync(join(place, "bristlecone-power-"));
  afterAll(() => rmSync(images, { recursive: true, force: true }));

  test.each([
    ["alone", [], undefined],
    ["with readers", ["--readers", "1"], undefined],
    ["with a witness", ["--local-witnesses", "1"], "data.witnesses/w1"],
  ] as const)(
    "%s: keeps all it answered and showed, whatever was not synced",
    async (_, args, witness) => {
      const recorded = await record(library, args);
      const { tried, refused } = await tryImages(recorded, { images, count: Math.ceil(IMAGES / 3), witness });
      const { length } = recorded.operations;
      console.log(`${tried} images of ${length} operations; refused before the first answer: ${refused}`);
    },
    TIMEOUT_MS,
  );

  test(
    "the leaf index finds every leaf, whatever is left of its runs",
    async () => {
      const { operations, root } = recordIndex(library);
      const disk = new Disk(root);
      const cuts = chosenCuts(operations, Math.ceil(IMAGES / 4));
      const yard = new TileYard();
      yard.add(Array.from({ length: LEAVES }, (_, at) => hashNamed(`leaf ${at}`)));
      let tried = 0;
      for (const [at, operation] of operations.entries()) {
        disk.play(operation);
        for (const [which, fate] of cuts.get(at + 1) ?? []) {
          const folder = mkdtempSync(join(images, "image-"));
          disk.leave(folder, fate);
          const index = await openIndex(yard, join(folder, "leaves"));
          expect(wrongAnswers(yard, index), `cut ${at + 1}, ${which}`).toEqual([]);
          await index.close();
          rmSync(folder, { recursive: true });
          tried += 1;
        }
      }
      console.log(`${tried} images of a leaf index, ${operations.length} operations`);
    },
    TIMEOUT_MS,
  );
});

/** Leaves of the index: some merges and a rest. */
const LEAVES = 5_000;

function recordIndex(library: string): Recorded {
  const folder = mkdtempSync(join(inject("scratch"), "power-"));
  const root = join(folder, "disk");
  mkdirSync(root);
  const script = join(import.meta.dirname, "leaf-index-life.ts");
  const command = [
    "--import",
    "tsx",
    "--conditions=bristlecone-source",
    script,
    join(root, "leaves"),
    String(LEAVES),
  ];
  const env = {
    ...process.env,
    ...shimmed(library, { DISK_ROOT: root, DISK_RECORD: join(folder, "record") }),
  };
  execFileSync(process.execPath, command, { env, stdio: ["ignore", "ignore", "inherit"] });
  return { operations: parseRecording(readFileSync(join(folder, "record"))), root };
}

/** Three lives of one log: a first start, one that is killed at work, and one that ends well. */
async function record(library: string, args: readonly string[]): Promise<Recorded> {
  const folder = mkdtempSync(join(inject("scratch"), "power-"));
  const root = join(folder, "disk");
  mkdirSync(root);
  const environment = shimmed(library, { DISK_ROOT: root, DISK_RECORD: join(folder, "record") });
  const start = () =>
    startServe(root, ["--origin", ORIGIN, "--data", join(root, "data"), ...args], environment);
  const first = await start();
  await load(first, "first");
  await stopServe(first);
  const second = await start();
  const loading = load(second, "second").catch(() => undefined);
  await added(second, "before the kill");
  second.child.kill("SIGKILL");
  await Promise.all([second.result, loading]);
  const third = await start();
  await load(third, "third");
  await stopServe(third);
  return { operations: parseRecording(readFileSync(join(folder, "record"))), root };
}

/** A little of all that a log answers, some of it at the same time. */
async function load(log: RunningServe, life: string): Promise<void> {
  for (let at = 0; at < 6; at++) await added(log, `${life} ${at}`);
  await receipt(log, `${life} receipt`);
  await Promise.all(Array.from({ length: 40 }, (_, at) => added(log, `${life} beside ${at}`)));
  const batch = BATCHES[["first", "second", "third"].indexOf(life)] ?? [];
  await Promise.all([send(log, "/add-batch", encodeBundle(batch)), added(log, `${life} and a batch`)]);
  await Promise.all(Array.from({ length: 6 }, (_, at) => receipt(log, `${life} receipt ${at}`)));
  await send(log, "/checkpoint");
}

function added(log: RunningServe, text: string): Promise<string> {
  return send(log, "/add", new TextEncoder().encode(text), { Accept: "application/json" });
}

function receipt(log: RunningServe, text: string): Promise<string> {
  return send(log, "/add", new TextEncoder().encode(text), {
    Accept: "text/x.tlog.proof",
    Prefer: "wait=20",
  });
}

async function send(
  { url }: RunningServe,
  path: string,
  body?: Uint8Array,
  headers: Record<string, string> = {},
): Promise<string> {
  const request = body === undefined ? {} : { method: "POST", body: Uint8Array.from(body) };
  const response = await fetch(`${url}${path}`, { ...request, headers });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return await response.text();
}

/** Opens what a power cut leaves, at moments spread over the recording, most of them right after a promise. */
async function tryImages(
  { operations, root }: Recorded,
  { images, count, witness }: { images: string; count: number; witness: string | undefined },
) {
  const batches = new Map(
    BATCHES.map((batch) => [batch.length, batch.map((one) => encodeHex(leafHash(one)))]),
  );
  const heard = new Heard(ORIGIN, batches);
  const disk = new Disk(root);
  const cuts = chosenCuts(operations, count);
  const refused: Record<string, number> = {};
  let tried = 0;
  for (const [at, operation] of operations.entries()) {
    disk.play(operation);
    if (operation.kind === "said") heard.hear(operation.data);
    for (const [which, fate] of cuts.get(at + 1) ?? []) {
      tried += 1;
      const folder = mkdtempSync(join(images, "image-"));
      disk.leave(folder, fate);
      const outcome = await kept(folder, heard, witness).catch((error: unknown) => error);
      rmSync(folder, { recursive: true });
      if (typeof outcome === "number") continue;
      // Before it has answered anything a log may refuse to start, in words of its own, and LMDB's second head may be missing for good.
      const word = outcome instanceof TlogError ? outcome.code : FINDING.exec(String(outcome))?.[0];
      if (word === undefined || heard.entries.size > 0) {
        throw new Error(`cut ${at + 1}, ${which}`, { cause: outcome });
      }
      refused[word] = (refused[word] ?? 0) + 1;
    }
  }
  expect(heard.contradictions).toEqual([]);
  expect(heard.entries.size).toBeGreaterThan(600);
  return { tried, refused: JSON.stringify(refused) };
}

async function kept(folder: string, heard: Heard, witness: string | undefined): Promise<number> {
  if (witness !== undefined) await assertWitnessed(join(folder, witness), ORIGIN, heard);
  return await keptPromises(folder, heard);
}

/** Which images at which cuts: the two plain fates at each, and some of chance. */
function chosenCuts(operations: readonly Operation[], count: number): ReadonlyMap<number, [string, Fate][]> {
  const random = seededRandom(SEED);
  const said = operations.flatMap(({ kind }, at) => (kind === "said" ? [at + 1] : []));
  const all = operations.map((_, at) => at + 1);
  const cuts = new Map<number, [string, Fate][]>();
  const add = (cut: number, ...fates: [string, Fate][]) =>
    cuts.set(cut, [...(cuts.get(cut) ?? []), ...fates]);
  const chosen = EVERY_CUT
    ? all
    : Array.from({ length: Math.ceil(count / 4) }, (_, at) => {
        const among = at % 2 === 0 ? said : all;
        return among[Math.floor(random() * among.length)] ?? 1;
      });
  for (const cut of chosen) {
    const seeds = [0, 1].map(() => Math.floor(random() * 2 ** 31));
    add(cut, ["nothing that was not synced", NOTHING_UNSYNCED], ["everything", EVERYTHING]);
    for (const seed of seeds) add(cut, [`seed ${seed}`, randomFate(seed)]);
  }
  return cuts;
}
