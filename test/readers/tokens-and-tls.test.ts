import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { newWriteToken } from "../../src/http/write-tokens.ts";
import { makeCertificate } from "../certificate.ts";
import { stopServe, temporaryDirectory } from "../cli/harness.ts";
import { ask } from "../hostile/ask.ts";
import { startReaders } from "./serve-readers.ts";

const first = newWriteToken();
const second = newWriteToken();

function certificate(): readonly string[] {
  const { certFile, keyFile } = makeCertificate(temporaryDirectory());
  return ["--tls-cert", certFile, "--tls-key", keyFile];
}

describe("a log with readers in front", () => {
  test("takes other tokens while it runs, holds each to its limits however it comes, and speaks TLS", async () => {
    const tokens = join(temporaryDirectory(), "tokens.txt");
    writeFileSync(tokens, `${first.tokenHash} one max-entry-bytes=10\n`);
    const served = await startReaders(2, ["--tokens", tokens, ...certificate()]);
    const add = async (token: string, entry: string) =>
      (await ask(`${served.url}/add`, Buffer.from(entry), { Authorization: `Bearer ${token}` })).status;
    expect(served.url).toMatch(/^https:/);
    expect(await add(first.token, "small")).toBe(200);
    expect(await add(first.token, "larger than ten")).toBe(413);
    expect(await add(second.token, "small")).toBe(403);
    writeFileSync(tokens, `${second.tokenHash} two entries-per-second=1\n`);
    await vi.waitFor(async () => expect(await add(first.token, "x")).toBe(403), {
      timeout: 15_000,
      interval: 200,
    });
    // Whichever reader takes them, the log counts them together.
    const statuses = await Promise.all(Array.from({ length: 12 }, (_, at) => add(second.token, `${at}`)));
    expect(statuses.filter((status) => status === 200).length).toBeLessThan(12);
    expect(statuses).toContain(200);
    expect(statuses).toContain(429);
    writeFileSync(tokens, "no hash\n");
    await vi.waitFor(() => expect(served.errors()).toContain("TOKENS_UNREADABLE"), 15_000);
    expect([200, 429]).toContain(await add(second.token, "still"));
    expect((await stopServe(served)).code).toBe(0);
  });
});
