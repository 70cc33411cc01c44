import { createServer, type Server } from "node:http";
import { afterEach, expect, it } from "vitest";
import { callCli } from "./harness.ts";

const VKEY = "example.com/nowhere+8ab5d197+AVTniuOZe6EnlppkPzPT2qlFshA0ZOeWGcKChik/t8wB";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A log that takes a batch and loses the first answer to it. */
async function losingLog(info: object) {
  const counts = { batches: 0, infos: 0 };
  const server = createServer((request, response) => {
    if (request.url === "/log.json") {
      counts.infos += 1;
      return response.setHeader("content-type", "application/json").end(JSON.stringify(info));
    }
    if (request.url !== "/add-batch") return response.writeHead(404).end();
    counts.batches += 1;
    if (counts.batches === 1) return request.on("end", () => request.socket.destroy()).resume();
    const body = JSON.stringify({ leafIndices: [0], duplicates: [] });
    return request.on("end", () => response.setHeader("content-type", "application/json").end(body)).resume();
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, counts };
}

it.each([
  ["makes an append again whose answer was lost, where the log keeps the same bytes once", "first", 0, 2],
  ["does not where the log would add them twice", "allow", 4, 1],
  ["does not where the log does not say", undefined, 4, 1],
])("%s", async (_what, duplicates, code, batches) => {
  const { url, counts } = await losingLog({ duplicates });
  const argv = ["add", "--lines", "-", "--log", url, "--vkey", VKEY, "--no-memory"];
  expect((await callCli(argv, { stdin: "a\n" })).code).toBe(code);
  expect(counts).toEqual({ batches, infos: 1 });
});

it("does not print what a log names as its key unless it is one", async () => {
  const { url } = await losingLog({ vkeys: ["\u001b[2JVERIFIED"] });
  const { code, stdout, stderr } = await callCli(["get", "0", "--log", url, "--no-memory"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("[VKEY_MALFORMED]");
  expect(stderr).not.toContain("not verified against");
});
