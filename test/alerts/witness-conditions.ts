/** What a witness's alerts tell of, caused by logs that ask it and by its own disk. */
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { formatAddCheckpoint } from "../../src/tlog/add-checkpoint.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { temporaryDirectory } from "../cli/harness.ts";
import { Faults, shimmed } from "../faults/shim.ts";
import { type TestLog, testLog } from "../witness/harness.ts";
import {
  ask,
  type Condition,
  diskShim,
  ending,
  lacksShim,
  pause,
  type RunningWitness,
  SEEN_MS,
  startWitness,
} from "./condition.ts";

/** spec/fork-evidence.md */
const EVIDENCE: {
  readonly cases: readonly {
    readonly evidence?: string;
    readonly id?: string;
    readonly logKeys?: readonly string[];
  }[];
} = JSON.parse(readFileSync(new URL("../../spec/vectors/fork-evidence.json", import.meta.url), "utf8"));

const job = "bristlecone-witness";

export const WITNESS_CONDITIONS: readonly Condition[] = [
  {
    name: "evidence against a log, handed to a witness",
    job,
    alerts: ["WitnessEvidence"],
    async cause(port) {
      const forked = EVIDENCE.cases.find(({ evidence, id }) => evidence !== undefined && id !== undefined);
      const [vkey = ""] = forked?.logKeys ?? [];
      const witness = await startWitness(["--admin-listen", String(port), "--log", vkey]);
      await pause(SEEN_MS);
      await ask(`${witness.url}/evidence`, { method: "POST", body: forked?.evidence ?? "" });
      return ending(witness);
    },
  },
  {
    name: "a witness whose disk fails",
    job,
    alerts: ["WitnessReadOnly", "WitnessErrors"],
    lacks: lacksShim,
    async cause(port) {
      const log = await testLog("example.com/asks");
      const place = temporaryDirectory();
      const disk = join(place, "disk");
      mkdirSync(disk);
      const faults = new Faults(place);
      const environment = shimmed(diskShim() ?? "", { DISK_ROOT: disk, DISK_RULES: faults.path });
      const args = ["--admin-listen", String(port), "--data", join(disk, "data"), "--log", vkeyOf(log)];
      const witness = await startWitness(args, { environment });
      await addCheckpoint(witness, await log.request(0, 10));
      faults.set("sync * 5", "dsync * 5", "write * 5");
      const request = await log.request(10, 20);
      return { ...ending(witness), again: async () => void (await addCheckpoint(witness, request)) };
    },
  },
  {
    name: "a log that was restored from a backup, and asks from a size that the witness is past",
    job,
    alerts: ["WitnessConflicts"],
    async cause(port) {
      const log = await testLog("example.com/restored");
      const witness = await startWitness(["--admin-listen", String(port), "--log", vkeyOf(log)]);
      await addCheckpoint(witness, await log.request(0, 10));
      const request = await log.request(5, 12);
      return { ...ending(witness), again: async () => void (await addCheckpoint(witness, request)) };
    },
  },
  {
    name: "a log whose tiles are damaged, so that its proofs are",
    job,
    alerts: ["WitnessRefuses"],
    async cause(port) {
      const log = await testLog("example.com/damaged");
      const witness = await startWitness(["--admin-listen", String(port), "--log", vkeyOf(log)]);
      await addCheckpoint(witness, await log.request(0, 10));
      const proof = log.proof(10, 20).map((hash) => hash.map((byte) => byte ^ 1));
      const request = formatAddCheckpoint({ oldSize: 10, proof, checkpoint: await log.note(20) });
      return { ...ending(witness), again: async () => void (await addCheckpoint(witness, request)) };
    },
  },
  {
    name: "a log that shows a head and does not serve its tree",
    job,
    alerts: ["WitnessUnproven"],
    isLong: true,
    async cause(port) {
      const log = await testLog("example.com/treeless");
      const note = await log.note(30);
      const server = createServer((incoming, outgoing) => {
        if (incoming.url === "/checkpoint") outgoing.end(note);
        else outgoing.writeHead(404).end();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
      const address = server.address();
      const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
      const settings = ["--log", `${vkeyOf(log)} ${url}`, "--poll-interval", "5"];
      const witness = await startWitness(["--admin-listen", String(port), ...settings]);
      await addCheckpoint(witness, await log.request(0, 10));
      const end = () => {
        ending(witness).end();
        server.closeAllConnections();
        server.close();
      };
      return { end };
    },
  },
];

function vkeyOf({ keys }: TestLog): string {
  const [key] = keys;
  return key === undefined ? "" : formatVerifierKey(key);
}

function addCheckpoint({ url }: RunningWitness, request: Uint8Array): Promise<number> {
  return ask(`${url}/add-checkpoint`, { method: "POST", body: new Uint8Array(request) });
}
