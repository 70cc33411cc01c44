import { connect } from "node:net";
import { expect, it } from "vitest";
import { stopServe } from "../cli/harness.ts";
import { readerPids, startReaders } from "./serve-readers.ts";

const ASKED = 800;

it("readers live on after SIGUSR2, and at the end their lines are waited for: each is there, or counted", async () => {
  const log = await startReaders(1, ["--log-level", "debug"]);
  const pids = readerPids(log);
  for (const pid of pids) process.kill(pid, "SIGUSR2");
  log.child.stderr?.pause();
  await askOften(log.url);
  expect(readerPids(log)).toEqual(pids);
  const ended = stopServe(log);
  log.child.stderr?.resume();
  const { stderr } = await ended;
  const lines: readonly Readonly<Record<string, unknown>>[] = stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const told = lines.filter(({ pid, logger }) => logger === "http" && pids.some((own) => own === pid));
  const missing = told.filter(({ code }) => code === "LINES_LOST");
  const lost = missing.reduce((sum, { count }) => sum + Number(count), 0);
  expect(told.length - missing.length + lost).toBe(ASKED);
});

/** On one connection, eight at a time. */
function askOften(url: string): Promise<void> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname).setEncoding("latin1");
  const askEight = () => socket.write(`GET /checkpoint HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(8));
  askEight();
  return new Promise((answered, failed) => {
    let text = "";
    let count = 0;
    socket.on("data", (piece) => {
      text += piece;
      if (text.split("HTTP/1.1 200").length <= 8) return;
      text = "";
      count += 8;
      if (count < ASKED) askEight();
      else socket.destroy();
    });
    socket.on("close", () => answered()).on("error", failed);
  });
}
