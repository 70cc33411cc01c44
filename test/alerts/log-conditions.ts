/** What a log's alerts tell of, caused: each condition is a real server in real trouble. */
import { spawnSync } from "node:child_process";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openCosignerKey, openSigner } from "../../src/server.ts";
import { COSIGNATURE_V1 } from "../../src/tlog/cosignature.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey } from "../../src/tlog/key.ts";
import { temporaryDirectory } from "../cli/harness.ts";
import { add, type Condition, ending, pause, SEEN_MS, start } from "./condition.ts";

export const LOG_CONDITIONS: readonly Condition[] = [
  {
    name: "a disk with less room than must be free",
    alerts: ["LogSpaceLow", "LogAddErrorsFast", "LogAddErrorsBudget"],
    async cause(port) {
      const log = await start(port, ["--min-free-bytes", "9000000000000000"]);
      return { ...ending(log), again: () => add(log, { count: 3 }) };
    },
  },
  {
    name: "writers without a token",
    alerts: ["LogWritesRefused"],
    async cause(port) {
      const log = await start(port, ["--token-hash", "0".repeat(64)]);
      return { ...ending(log), again: () => add(log, { count: 2 }) };
    },
  },
  {
    name: "more entries than may wait",
    alerts: ["LogPoolFull"],
    async cause(port) {
      const log = await start(port, ["--max-pending-entries", "1", "--max-batch-entries", "1"]);
      return { ...ending(log), again: () => add(log, { count: 20 }) };
    },
  },
  {
    name: "witnesses and a public place that are not there, an old key, and a restart in all this",
    alerts: [
      "LogQuorumMissing",
      "LogNotPublishing",
      "LogQuorumThin",
      "LogServedUnchecked",
      "LogKeyOld",
      "LogWitnessFailing",
    ],
    async cause(port) {
      const place = temporaryDirectory();
      const key = await generateSigningKey({ name: "example.com/unwitnessed" });
      const log = await openSigner(formatSigningKey(key));
      const other = await generateSigningKey({ name: "witness.example/w1", type: COSIGNATURE_V1 });
      const witness = await openCosignerKey(formatSigningKey(other));
      const nowhere = "http://127.0.0.1:1";
      const lines = [
        `log ${formatVerifierKey(log.verifierKey)}`,
        `witness w1 ${formatVerifierKey(witness.verifierKey)} ${nowhere}`,
        "quorum w1",
      ];
      writeFileSync(join(place, "policy"), `${lines.join("\n")}\n`);
      writeFileSync(join(place, "log.key"), `${formatSigningKey(key)}\n`, { mode: 0o600 });
      const longAgo = Date.now() / 1000 - 3 * 365 * 86_400;
      utimesSync(join(place, "log.key"), longAgo, longAgo);
      const args = [
        "--key",
        "log.key",
        "--policy",
        "policy",
        "--served-at",
        nowhere,
        "--allow-shared-parties",
      ];
      // What a restart finds waiting still waits.
      const before = await start(0, args, place);
      await add(before);
      before.child.kill("SIGKILL");
      await before.result;
      return ending(await start(port, args, place));
    },
  },
  {
    name: "readers that are killed over and over",
    alerts: ["LogReadersDown", "LogReaderMissing"],
    async cause(port) {
      const log = await start(port, ["--readers", "1"]);
      const again = async () => void spawnSync("pkill", ["-KILL", "-P", String(log.child.pid)]);
      return { ...ending(log), again };
    },
  },
  {
    name: "a process that is restarted again and again, and then no more",
    alerts: ["BristleconeRestartsOften", "BristleconeDown"],
    async cause(port) {
      const place = temporaryDirectory();
      for (let restart = 0; restart < 4; restart++) {
        const log = await start(port, [], place);
        await pause(SEEN_MS);
        log.child.kill("SIGKILL");
        await log.result;
      }
      return { end: () => undefined };
    },
  },
  {
    name: "a database that may not grow",
    alerts: ["LogReadOnly"],
    isLong: true,
    async cause(port) {
      const log = await start(port, ["--max-data-bytes", "2000000"]);
      return { ...ending(log), again: () => add(log, { count: 4, bytes: 60_000 }) };
    },
  },
  {
    name: "a process that stands still for a second again and again",
    alerts: ["LogAddSlowFast", "LogAddSlowBudget", "BristleconeLoopSlow"],
    isLong: true,
    async cause(port) {
      const log = await start(port, []);
      const again = async () => {
        const adds = add(log, { count: 20 });
        await pause(5);
        log.child.kill("SIGSTOP");
        await pause(1_200);
        log.child.kill("SIGCONT");
        await adds;
      };
      return { ...ending(log), again };
    },
  },
];
