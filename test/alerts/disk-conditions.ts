/** Disks that fill up and bytes that change. Two of these logs are in this process: a scrub begins a minute after a start otherwise. */
import { spawnSync } from "node:child_process";
import { statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openLog, serveLog } from "../../src/server.ts";
import { openLogMetrics } from "../../src/telemetry/log-metrics.ts";
import { temporaryDirectory } from "../cli/harness.ts";
import { changeRow, flipped, makeLog } from "../fsck/store-log.ts";
import { testSigner } from "../log/harness.ts";
import { logMetricsOptions } from "../telemetry/log-metrics-options.ts";
import { ask, type Condition, ending, start } from "./condition.ts";

const MIB = 1024 * 1024;

export const DISK_CONDITIONS: readonly Condition[] = [
  {
    name: "an entry whose bytes changed on the disk",
    alerts: ["LogScrubFound", "LogReadErrorsFast", "LogReadErrorsBudget"],
    async cause(port) {
      const directory = await makeLog(300);
      await changeRow(directory, "bundles", "0000000000000000", flipped(30 * 22 + 5));
      const { url, end } = await scrubbedLog(directory, { port, bytesPerSecond: 1e9 });
      const again = async () => {
        await Promise.all(Array.from({ length: 5 }, () => ask(`${url}/entry/30`)));
      };
      return { end, again };
    },
  },
  {
    name: "a scrub that is slower than its log",
    alerts: ["LogScrubOld"],
    isLong: true,
    async cause(port) {
      const { end } = await scrubbedLog(await makeLog(300), { port, bytesPerSecond: 1 });
      return { end };
    },
  },
  {
    name: "a disk that somebody else fills up",
    alerts: ["LogDiskFullSoon", "LogDiskFullInDays"],
    isLong: true,
    lacks: lacksMount,
    async cause(port) {
      const disk = temporaryDirectory();
      mounted(disk);
      const { bavail, bsize } = statfsSync(disk);
      const floor = bavail * bsize - 48 * MIB;
      const log = await start(port, ["--data", join(disk, "data"), "--min-free-bytes", String(floor)]);
      let written = 0;
      const again = async () => writeFileSync(join(disk, `other-${written++}`), new Uint8Array(80 * 1024));
      const end = () => {
        ending(log).end();
        spawnSync("umount", ["-l", disk]); // the log has files there still
      };
      return { again, end };
    },
  },
];

function mounted(place: string): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=96m", "none", place]).status === 0;
}

/** Its own disk: on one of others everybody's files come and go. */
function lacksMount(): string | undefined {
  const place = temporaryDirectory();
  const isMounted = mounted(place);
  if (isMounted) spawnSync("umount", [place]);
  return isMounted ? undefined : "a user who may mount a tmpfs";
}

/** Begins its scrub at once. */
async function scrubbedLog(
  directory: string,
  { port, bytesPerSecond }: { readonly port: number; readonly bytesPerSecond: number },
): Promise<{ readonly url: string; end(): void }> {
  const signer = await testSigner();
  const metrics = openLogMetrics({ ...logMetricsOptions(), isWholeProcess: true, clock: Date.now });
  // The process of the scrub runs from the sources, as this one does.
  process.execArgv = ["--import", "tsx", "--conditions=bristlecone-source"];
  const scrub = { bytesPerSecond, startAfterMs: 0 };
  const log = await openLog({ directory, signer, scrub, events: metrics.events });
  metrics.watch(log);
  const at = { host: "127.0.0.1", port: 0 };
  const server = await serveLog({ log, listen: at, adminListen: { ...at, port }, metrics });
  const end = () => void server.close({ deadlineMs: 0 }).then(() => log.close());
  return { url: server.url, end };
}
