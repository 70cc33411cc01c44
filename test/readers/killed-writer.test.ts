import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { startServe, stopServe, temporaryDirectory } from "../cli/harness.ts";
import { IS_FULL } from "../runs.ts";
import { ask, startReaders } from "./serve-readers.ts";

it.runIf(IS_FULL)(
  "no entry that readers answered for is lost when the writer is killed with frames under way",
  async () => {
    const sockets = temporaryDirectory();
    const log = await startReaders(2, [], { TMPDIR: sockets });
    const answered = new Map<string, number>(); // owned by the writers
    let unanswered = 0; // owned by the writers
    const writers = Array.from({ length: 16 }, async (_, writer) => {
      for (let at = 0; ; at++) {
        const entry = `${writer} ${at}`;
        try {
          const { status, text } = await ask(`${log.url}/add`, { method: "POST", body: entry });
          if (status === 200) answered.set(entry, Number(text));
          else unanswered += 1;
        } catch {
          unanswered += 1;
          return; // The readers are gone.
        }
        if (answered.size === 200) log.child.kill("SIGKILL");
      }
    });
    await Promise.all(writers);
    await log.result;
    expect(answered.size).toBeGreaterThanOrEqual(200);
    expect(unanswered).toBeGreaterThanOrEqual(16);
    expect(new Set(answered.values()).size).toBe(answered.size);
    const again = await startServe(log.directory);
    await ask(`${again.url}/add`, { method: "POST", headers: { Accept: "text/x.tlog.proof" }, body: "last" });
    for (const [entry, index] of answered)
      expect((await ask(`${again.url}/entry/${index}`)).text).toBe(entry);
    await stopServe(again);
    // The readers removed what they were reached by.
    await expect.poll(() => readdirSync(sockets)).toEqual([]);
  },
);
