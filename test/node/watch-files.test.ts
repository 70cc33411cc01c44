import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { watchFiles } from "../../src/node/watch-files.ts";
import { temporaryDirectory } from "../cli/harness.ts";

test("a change whose reading failed is read again at each look, is told once, and is over when it was taken", async () => {
  const path = join(temporaryDirectory(), "file");
  writeFileSync(path, "one");
  const failures: string[] = [];
  let tried = 0;
  let isBroken = true;
  const close = watchFiles([path], {
    everyMs: 1,
    take() {
      tried += 1;
      return isBroken ? Promise.reject(new Error("EMFILE")) : Promise.resolve();
    },
    onFailed: (error) => void failures.push(String(error)),
  });
  writeFileSync(path, "another");
  await vi.waitFor(() => expect(tried).toBeGreaterThan(3), 5000);
  expect(failures).toEqual(["Error: EMFILE"]);
  isBroken = false;
  const before = tried;
  await vi.waitFor(() => expect(tried).toBe(before + 1), 5000);
  writeFileSync(path, "a third");
  await vi.waitFor(() => expect(tried).toBe(before + 2), 5000);
  close();
});
