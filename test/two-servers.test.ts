import { cpSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { type Log, openGuardFile, openLog, serveLog } from "../src/server.ts";
import { expectCodeAsync } from "./expect-code.ts";
import { entry, published, testSigner } from "./log/harness.ts";

const signer = await testSigner();

async function openIn(machine: string, url?: string): Promise<Log> {
  return await openLog({
    directory: join(machine, "data"),
    guard: await openGuardFile(join(machine, "guard")),
    signer,
    ...(url !== undefined && { served: { urls: [url], intervalMs: 5 } }),
  });
}

it("two servers on copies of one machine, guard included: the one that readers do not see stops signing", async () => {
  const here = mkdtempSync(join(inject("scratch"), "here-"));
  const first = await openIn(here);
  await first.add(entry(0));
  await first.close();
  const copy = mkdtempSync(join(inject("scratch"), "copy-"));
  cpSync(here, copy, { recursive: true });

  await using seen = await openIn(here);
  const server = await serveLog({ log: seen, listen: { host: "127.0.0.1", port: 0 } });
  try {
    // Nothing tells the two apart, as long as neither signs.
    await using unseen = await openIn(copy, server.url);
    expect(unseen.state()).toEqual({ status: "writable" });
    const { leafIndex } = await seen.add(entry("seen"));
    await published(seen, leafIndex);
    await expect.poll(() => unseen.state()).toMatchObject({ status: "read-only", code: "LOG_READ_ONLY" });
    await expectCodeAsync(unseen.add(entry("unseen")), "LOG_READ_ONLY");
    expect(unseen.published().treeSize).toBe(1);
    await unseen.close();
    await expectCodeAsync(openIn(copy, server.url), "LOG_ROLLED_BACK");
    expect(seen.state()).toEqual({ status: "writable" });
  } finally {
    await server.close();
  }
});
