import { mkdirSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { resultOf, startCli, stopServe, temporaryDirectory } from "../cli/harness.ts";
import { RawClient } from "../http/raw-client.ts";
import { IS_FULL } from "../runs.ts";
import { until } from "../store/processes.ts";
import { ask, isAlive, type ReadersLog, readerPids, startReaders } from "./serve-readers.ts";

const running: ReadersLog[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(stopServe));
});

async function serving(count: number, args: readonly string[] = []): Promise<ReadersLog> {
  const log = await startReaders(count, args);
  running.push(log);
  return log;
}

/** Its processes find Node no more after a SIGUSR2, and again after the next one. */
const SWITCHES_NODE_AWAY = importing(`
  const paths = ["/nowhere/node", process.execPath];
  process.on("SIGUSR2", () => { process.execPath = paths[0]; paths.reverse(); });
`);

function importing(program: string): string {
  return `--import data:text/javascript,${encodeURIComponent(program)}`;
}

describe("readers", () => {
  it("that are killed are started again, on the same port, and the operator is told", async () => {
    const log = await serving(1);
    const [pid = 0] = readerPids(log);
    process.kill(pid, "SIGKILL");
    await until(() => {
      const [other = pid] = readerPids(log);
      return other !== pid;
    });
    await until(async () => (await ask(`${log.adminUrl}/readyz`)).text.includes('"up":1'));
    expect((await ask(`${log.url}/checkpoint`)).status).toBe(200);
    expect((await ask(`${log.url}/add`, { method: "POST", body: "x" })).text).toBe("0");
    expect(log.errors()).toContain("a reader ended, and is started again: SIGKILL");
  });

  it.runIf(IS_FULL)(
    "that cannot be spawned are tried again, and do not keep the log from ending",
    async () => {
      const log = await startReaders(1, [], { NODE_OPTIONS: SWITCHES_NODE_AWAY });
      const loseReader = async () => {
        const [pid = 0] = readerPids(log);
        log.child.kill("SIGUSR2");
        process.kill(pid, "SIGKILL");
        await until(async () => (await ask(`${log.adminUrl}/readyz`)).text.includes('"up":0'));
      };
      await loseReader();
      await until(() => log.errors().includes("spawn /nowhere/node ENOENT"));
      log.child.kill("SIGUSR2");
      await until(async () => (await ask(`${log.adminUrl}/readyz`)).text.includes('"up":1'));
      expect((await ask(`${log.url}/checkpoint`)).status).toBe(200);
      await loseReader();
      log.child.kill("SIGTERM");
      expect((await log.result).code).toBe(0);
    },
  );

  it("that cannot be spawned at the start stop the log with STORE_FAILED", async () => {
    const environment = { NODE_OPTIONS: importing('process.execPath = "/nowhere/node"') };
    const child = startCli(["serve", "--listen", "127.0.0.1:0", "--readers", "2"], temporaryDirectory(), {
      environment,
    });
    const { code, stderr } = await resultOf(child);
    expect(code).not.toBe(0);
    expect(stderr).toContain("a reader ended at its start: spawn /nowhere/node ENOENT [STORE_FAILED]");
  });

  it("are refused where their socket's path would be cut off, and leave nothing there", async () => {
    const place = join(temporaryDirectory(), "x".repeat(100));
    mkdirSync(place);
    const child = startCli(["serve", "--listen", "127.0.0.1:0", "--readers", "1"], temporaryDirectory(), {
      environment: { TMPDIR: place },
    });
    const { code, stderr } = await resultOf(child);
    expect(code).toBe(2);
    expect(stderr).toMatch(/want a path of at most 103 bytes, got \d+; set TMPDIR \[LISTEN_FAILED\]/);
    expect(readdirSync(place)).toEqual([]);
  });

  it.runIf(IS_FULL)("end with a writer that is killed, and free the port", async () => {
    const log = await startReaders(2);
    const pids = readerPids(log);
    expect(pids).toHaveLength(2);
    log.child.kill("SIGKILL");
    await log.result;
    await until(() => pids.every((pid) => !isAlive(pid)));
    const { port, hostname } = new URL(log.url);
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(Number(port), hostname, () => resolve());
    });
    server.close();
  });

  it("finish what is under way when the log is told to end", async () => {
    const log = await startReaders(1, ["--checkpoint-interval", "1000"]);
    const client = await RawClient.open(log.url);
    client.send("POST /add HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nha");
    await until(async () => (await ask(`${log.url}/checkpoint`)).status === 200);
    log.child.kill("SIGTERM");
    await until(() => log.errors().includes("finishing"));
    client.send("lf");
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\n0$/);
    expect((await log.result).code).toBe(0);
  });

  it("add nothing of a body that is cut short, and pass a verdict on that needs none before any of it came", async () => {
    const log = await serving(1);
    const refused = await RawClient.open(log.url);
    refused.send("POST /add HTTP/1.1\r\nHost: log.example\r\nContent-Length: 4\r\n\r\n");
    expect(await refused.until(/HTTP\/1\.1 \d+/)).toContain("HTTP/1.1 403");
    refused.destroy();
    const client = await RawClient.open(log.url);
    client.send("POST /add HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nha");
    client.destroy();
    const other = await RawClient.open(log.url);
    other.send("POST /add HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nha\r\n");
    other.destroy();
    expect((await ask(`${log.url}/add`, { method: "POST", body: "whole" })).text).toBe("0");
    expect((await ask(`${log.url}/add`, { method: "POST", body: "next" })).text).toBe("1");
    expect(JSON.parse((await ask(`${log.adminUrl}/readyz`)).text)).toMatchObject({ integratedSize: 2 });
  });

  it("that cannot listen stop the log with LISTEN_FAILED", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", () => resolve()));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const child = startCli(
      ["serve", "--listen", `127.0.0.1:${port}`, "--readers", "2"],
      temporaryDirectory(),
    );
    const { code, stderr } = await resultOf(child);
    expect(code).toBe(2);
    expect(stderr).toContain(
      `cannot listen on 127.0.0.1:${port}: another program listens there [LISTEN_FAILED]`,
    );
    taken.close();
  });
});
