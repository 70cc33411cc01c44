import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { serveWebhooks } from "../../src/cli/serve-webhooks.ts";
import { openTestLog } from "../http/test-log.ts";
import { ask } from "../readers/serve-readers.ts";
import { callCli, serveHere, temporaryDirectory } from "./harness.ts";

function files(webhooks: unknown, secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}\n`) {
  const directory = temporaryDirectory();
  const path = join(directory, "webhooks.json");
  writeFileSync(path, JSON.stringify({ webhooks }));
  writeFileSync(join(directory, "ci.secret"), secret, { mode: 0o600 });
  return { directory, path };
}

const WEBHOOK = { name: "ci", url: "https://ci.example/", secretFile: "ci.secret", events: "entries" };

describe("serve --webhooks", () => {
  test("tells receivers, and writes into the data directory how far", async () => {
    const bodies: string[] = [];
    let wake = () => {};
    const server = createServer((incoming, outgoing) => {
      incoming.setEncoding("utf8").on("data", (text) => bodies.push(text));
      incoming.on("end", () => outgoing.writeHead(204).end(() => wake()));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    onTestFinished(() => void server.close());
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
    const { directory, path } = files([{ ...WEBHOOK, url, network: "private" }]);
    const log = await serveHere(directory, ["--webhooks", path]);
    const told = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await ask(`${log.url}/add`, { method: "POST", body: "to be told" });
    await told;
    expect(bodies.join("")).toContain(Buffer.from("to be told").toString("base64"));
    const places = join(directory, "data/webhooks.state");
    while (readFileSync(places, "utf8") !== '{"ci":1}\n')
      await new Promise((resolve) => setImmediate(resolve));
    expect(await log.stop()).toMatchObject({ code: 0 });
  });

  test("goes on, and tells nobody, when it cannot know what was told; doctor says so before", async () => {
    const { directory, path } = files([WEBHOOK]);
    const data = join(directory, "data");
    mkdirSync(data);
    writeFileSync(join(data, "webhooks.state"), '{"ci":"x"}');
    const webhooks = [
      {
        settings: { ...WEBHOOK, events: "entries", network: "public", timeoutSeconds: 1 },
        secrets: async () => [],
      },
    ] as const;
    const failures: object[] = [];
    const events = { webhookFailed: (event: object) => void failures.push(event) };
    const log = await openTestLog();
    expect(await serveWebhooks(log, { webhooks, data, events })).toBeUndefined();
    await log.close();
    expect(failures).toMatchObject([
      {
        name: "ci",
        code: "CONFIG_INVALID",
        message: expect.stringMatching(/webhooks\.state: .*move it away/),
      },
    ]);
    const { code, stdout } = await callCli(["doctor", "--data", data, "--webhooks", path]);
    expect({ code, stdout }).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("webhooks.state: want"),
    });
  });

  test("can be tried before: `webhook test` says what came back", async () => {
    const seen: (string | string[] | undefined)[] = [];
    const server = createServer((incoming, outgoing) => {
      seen.push(incoming.headers["webhook-signature"]);
      incoming.resume().on("end", () => outgoing.writeHead(incoming.url === "/no" ? 500 : 204).end());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    onTestFinished(() => void server.close());
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    const near = { ...WEBHOOK, network: "private" };
    const { path } = files([
      { ...near, url: `${url}/yes` },
      { ...near, name: "no", url: `${url}/no` },
    ]);
    expect(await callCli(["webhook", "test", path, "ci"])).toMatchObject({
      code: 0,
      stdout: "ci: answered 204\n",
    });
    expect(await callCli(["webhook", "test", path])).toMatchObject({
      code: 4,
      stdout: "ci: answered 204\nno: the receiver answered 500\n",
    });
    expect(await callCli(["webhook", "test", path, "other"])).toMatchObject({ code: 2 });
    expect(seen).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/^v1,/)));
  });

  test("refuses, before a log is made, what it cannot use", async () => {
    const exposed = files([WEBHOOK]);
    chmodSync(join(exposed.directory, "ci.secret"), 0o644);
    for (const [{ path }, said] of [
      [files([{ ...WEBHOOK, url: "http://ci.example/" }]), "https:// URLs"],
      [files([{ ...WEBHOOK, secretFile: "none" }]), "none cannot be read (ENOENT)"],
      [files([WEBHOOK], "hunter2"), "want whsec_"],
      [exposed, "chmod 600"],
      [{ path: "/nowhere/webhooks.json" }, "cannot be read (ENOENT)"],
    ] as const) {
      const data = join(temporaryDirectory(), "data");
      const { code, stderr } = await callCli(["serve", "--data", data, "--webhooks", path]);
      expect({ code, stderr }, said).toMatchObject({ code: 2, stderr: expect.stringContaining(said) });
      expect(stderr).not.toContain("hunter2");
    }
  });
});
