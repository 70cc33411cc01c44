/** What a monitor's alert tells of, caused by a log that forked. */
import { cpSync } from "node:fs";
import { createServer } from "node:http";
import { startCli, stopServe, temporaryDirectory } from "../cli/harness.ts";
import { add, type Condition, ending, pause, start } from "./condition.ts";

export const MONITOR_CONDITIONS: readonly Condition[] = [
  {
    name: "a log that shows a monitor one history, and then another one",
    job: "bristlecone-monitor",
    alerts: ["MonitorAlarm"],
    async cause(port) {
      const [place, copy] = [temporaryDirectory(), temporaryDirectory()];
      const before = await start(0, [], place);
      await add(before);
      await stopServe(before);
      cpSync(place, copy, { recursive: true });
      const [one, other] = [await start(0, [], place), await start(0, [], copy)];
      await add(one, { count: 3 });
      await add(other, { count: 5 });
      const shown = await showing(one.url);
      const cwd = temporaryDirectory();
      const args = ["monitor", "--log", shown.url, "--vkey", one.vkey, "--interval", "1"];
      const child = startCli([...args, "--admin-listen", String(port)], cwd);
      for (const stream of [child.stdout, child.stderr]) stream?.resume();
      // It has to know the one before it can see that the other is not it.
      while (!(await metricsOf(port)).includes("bristlecone_monitor_log_read_entries{")) await pause(100);
      await pause(2_000);
      shown.show(other.url);
      const end = () => {
        ending(one, other, { child }).end();
        shown.close();
      };
      return { end };
    },
  },
];

async function metricsOf(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
  return (await answer?.text()) ?? "";
}

/** One address, behind which another server may stand. */
async function showing(first: string) {
  let target = first; // owned by show()
  const server = createServer(async (incoming, outgoing) => {
    try {
      if (incoming.url?.startsWith("/events")) throw new Error("streams are not passed on");
      const answer = await fetch(target + incoming.url, { signal: AbortSignal.timeout(5000) });
      outgoing.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
      outgoing.end(new Uint8Array(await answer.arrayBuffer()));
    } catch {
      outgoing.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`,
    show(next: string) {
      target = next;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
