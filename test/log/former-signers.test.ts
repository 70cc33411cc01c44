import { describe, expect, it } from "vitest";
import { keyLabel, type NoteSigner } from "../../src/tlog/key.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { emptyDisks, entry, openOn, published, testSigner } from "./harness.ts";

describe("a former key that does not sign any more", () => {
  it("leaves its line out and stops nothing, and is heard again when it is back", async () => {
    const [former, own] = [await testSigner(), await testSigner(21)];
    const disks = emptyDisks();
    await (await openOn(disks)).close();
    const keyChange = { atSeconds: 1_795_320_000, signers: [own] };
    await (await openOn(disks, { keyChange })).close();
    let isGone = true;
    let now = 0;
    const warnings: string[] = [];
    const failing: NoteSigner = {
      ...former,
      sign: (text) => (isGone ? Promise.reject(new Error("the token is gone")) : former.sign(text)),
    };
    await using log = await openOn(disks, {
      signers: [own, failing],
      events: { warning: ({ code }) => warnings.push(code) },
      now: () => now,
    });
    const lines = () => parseNote(log.published().checkpoint).signatures.map(keyLabel);
    const labels = [own, former].map(({ verifierKey }) => keyLabel(verifierKey));
    await published(log, (await log.add(entry(0))).leafIndex);
    expect(lines()).toEqual(labels.slice(0, 1));
    expect(warnings).toEqual(["FORMER_KEY_FAILED"]);
    isGone = false;
    now = 60_000;
    await published(log, (await log.add(entry(1))).leafIndex);
    expect(lines()).toEqual(labels);
  });
});
