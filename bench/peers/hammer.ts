/** A round of Tessera's hammer against a log: writers only, as fast as they are answered. */
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { programPath } from "../../test/interop/programs.ts";
import type { Cores } from "../pinning.ts";
import { processUse, watchMemory } from "../process-use.ts";
import { publishedSize } from "../published-size.ts";
import { spawnChild } from "../script.ts";
import {
  complaintCounter,
  type HammerComplaints,
  type HammerScreen,
  parseScreen,
  pictureReader,
} from "./hammer-screen.ts";
import { peakResidentMiB } from "./peak-memory.ts";
import type { PeerServer } from "./servers.ts";

export interface HammerRound extends HammerComplaints {
  /** Entries that a published checkpoint covers, over the measured time. */
  readonly perSecond: number;
  /** From a write's start to its index, as the hammer has it: an average of samples. */
  readonly queueMs: number;
  /** From a write's start to a checkpoint that covers it, seen by the hammer: it looks every 500 ms, so 250 ms are its own. */
  readonly integrationMs: number;
  /** The mean time to an index after Little: writers / answers per second, duplicates counted as answers. */
  readonly littleMs: number;
  /** User and system time of the server. */
  readonly cpuMicrosPerEntry: number;
  /** The most anonymous memory that was seen. */
  readonly rssAnonMiB: number;
  /** The most that ever was resident, since the server started. */
  readonly peakResidentMiB: number;
}

export interface HammerPlan {
  readonly writers: number;
  /** Most writes a second; it hands them out once a second. */
  readonly maxWrites: number;
  /** Not measured: connections open, the hammer hands out nothing in its first second. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Of the hammer. */
  readonly cores: Cores | undefined;
}

/** Tessera's own default: a tenth of the writes are of leaves that it wrote before. */
const DUPLICATE_SHARE = 0.1;
/** As hexadecimal text, with a space and a number behind it: some 256 bytes. */
const LEAF_BYTES = 248;

/** @throws {Error} the hammer ended, or the log's checkpoint did not move. */
export async function hammer(server: PeerServer, plan: HammerPlan): Promise<HammerRound> {
  const running = startHammer(server, plan);
  try {
    await running.orEnd(pause(plan.warmUpSeconds * 1000));
    const growth = watchGrowth(server.url);
    const memory = watchMemory(server.pid);
    const before = cpuOf(server);
    await running.orEnd(pause(plan.seconds * 1000));
    const cpuMicrosPerSecond = ((cpuOf(server) - before) * 1000) / plan.seconds;
    const { entries, seconds } = await growth();
    const perSecond = entries / seconds;
    const { screen, complaints } = running.said();
    return {
      perSecond,
      queueMs: screen.queue.avgMs,
      integrationMs: screen.integration.avgMs,
      littleMs: (plan.writers * 1000 * (1 - DUPLICATE_SHARE)) / perSecond,
      // The processor's time is of another window than the checkpoints': both are rates.
      cpuMicrosPerEntry: cpuMicrosPerSecond / perSecond,
      rssAnonMiB: memory.stop() ?? Number.NaN,
      peakResidentMiB: peakResidentMiB(server.pid),
      ...complaints,
    };
  } finally {
    await running.stop();
  }
}

function cpuOf({ pid }: PeerServer): number {
  return processUse(pid)?.cpuMs ?? Number.NaN;
}

interface Said {
  readonly screen: HammerScreen;
  readonly complaints: HammerComplaints;
}

function startHammer({ url, vkey }: PeerServer, { writers, maxWrites, cores }: HammerPlan) {
  const command = [
    ...(cores === undefined ? [] : ["taskset", "-c", cores]),
    programPath("hammer"),
    `--log_public_key=${vkey}`,
    `--log_url=${url}/`,
    "--num_readers_random=0",
    "--num_readers_full=0",
    "--max_read_ops=0",
    `--num_writers=${writers}`,
    `--max_write_ops=${maxWrites}`,
    `--leaf_min_size=${LEAF_BYTES}`,
    `--dup_chance=${DUPLICATE_SHARE}`,
  ];
  // It shows latencies on a terminal only: script(1) gives it one, wide enough for its longest lines.
  const shell = `stty rows 70 cols 400; exec ${command.map((word) => `'${word}'`).join(" ")}`;
  const child = spawnChild(["script", "-qfec", shell, "/dev/null"], {
    env: { ...process.env, TERM: "xterm" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let newest = "";
  const complaints = complaintCounter();
  const read = pictureReader((picture) => {
    newest = picture;
    complaints.see(picture);
  });
  child.stdout?.setEncoding("utf8").on("data", read);
  const ended = once(child, "exit");
  return {
    said: (): Said => ({ screen: parseScreen(newest), complaints: complaints.total() }),
    /** @throws {Error} the hammer ended first */
    orEnd: (work: Promise<void>): Promise<void> =>
      Promise.race([
        work,
        ended.then(([code]) => {
          throw new Error(`the hammer ended with ${code}\n${newest}`);
        }),
      ]),
    async stop() {
      // Its terminal goes with it, and the hammer with that.
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
    },
  };
}

interface Growth {
  readonly entries: number;
  readonly seconds: number;
}

/** A log with thousands of writers at its door may let a reader wait: one look less at its size, and no reason to end a run. */
function withoutTimeout(error: unknown): undefined {
  if (error instanceof DOMException && error.name === "TimeoutError") return undefined;
  throw error;
}

/** From one new checkpoint to another, the first and the last that are seen: some logs publish once a second. */
function watchGrowth(url: string): () => Promise<Growth> {
  const changes: { readonly at: number; readonly treeSize: number }[] = [];
  let isOver = false;
  let before: number | undefined;
  const watching = (async () => {
    while (!isOver) {
      const treeSize = await publishedSize(url).catch(withoutTimeout);
      if (treeSize !== undefined) {
        if (before !== undefined && treeSize !== before) changes.push({ at: performance.now(), treeSize });
        before = treeSize;
      }
      await pause(50);
    }
  })();
  return async () => {
    isOver = true;
    await watching;
    const [first, last] = [changes[0], changes.at(-1)];
    if (first === undefined || last === undefined || first === last) {
      throw new Error(`${url}: the checkpoint moved ${changes.length} times, too few to measure`);
    }
    return { entries: last.treeSize - first.treeSize, seconds: (last.at - first.at) / 1000 };
  };
}
