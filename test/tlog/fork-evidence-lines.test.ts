import { describe, expect, it } from "vitest";
import { verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import { evidenceFromHeads } from "../../src/tlog/fork-evidence-build.ts";
import { joinEvidence, withLinesOf } from "../../src/tlog/fork-evidence-lines.ts";
import {
  formatOpenedEvidence,
  type OpenedEvidence,
  openForkEvidence,
} from "../../src/tlog/fork-evidence-text.ts";
import type { NoteSigner } from "../../src/tlog/key.ts";
import { checkpointOf, history, ORIGIN } from "./forks.ts";
import { testSigner } from "./signers.ts";

const first = await testSigner(ORIGIN);
const second = await testSigner(ORIGIN, 1, 77);
const logKeys = [first.verifierKey, second.verifierKey];

/** A fork, signed by these. */
async function forkBy(
  signers: readonly NoteSigner[],
  extensions: readonly string[] = [],
): Promise<OpenedEvidence> {
  const notes = [
    await checkpointOf(history(5), 5, signers, { extensions }),
    await checkpointOf(history(5, 2), 5, signers, { extensions }),
  ] as const;
  const made = await evidenceFromHeads({ origin: ORIGIN, notes, logKeys });
  return openForkEvidence(made ?? "");
}

const signersOf = ({ notes }: OpenedEvidence) =>
  notes.map(({ signatures }) => signatures.map(({ keyId }) => keyId));
const keyIds = logKeys.map(({ keyId }) => keyId);

describe("two files of one fork", () => {
  it("are joined to one with the lines of both, which verifies", async () => {
    const joined = joinEvidence(await forkBy([first]), await forkBy([second]));
    expect(signersOf(joined)).toEqual([keyIds, keyIds]);
    const { signedBy } = await verifyForkEvidence({ evidence: formatOpenedEvidence(joined), logKeys });
    expect(signedBy).toHaveLength(2);
  });

  it("leave the one that is held as it is when the other brings nothing", async () => {
    const held = await forkBy([first, second]);
    for (const other of [await forkBy([first]), await forkBy([second, first]), held]) {
      expect(joinEvidence(held, other)).toBe(held);
    }
  });

  it("with other extension lines are not mixed: the one with more lines stays", async () => {
    const [one, two] = [await forkBy([first]), await forkBy([first, second], ["extension"])];
    expect(joinEvidence(one, two).notes).toBe(two.notes);
    expect(joinEvidence(two, one)).toBe(two);
    expect(joinEvidence(one, await forkBy([second], ["extension"]))).toBe(one);
  });

  it("stay as they are when together they would be too large to be read", async () => {
    const padding = ["x".repeat(130_800)];
    const held = await forkBy([first], padding);
    expect(joinEvidence(held, await forkBy([second], padding))).toBe(held);
  });
});

it("only the first line of each wanted key is taken", async () => {
  const evidence = await forkBy([first, second]);
  const doubled = {
    ...evidence,
    notes: evidence.notes.map((note) => ({ ...note, signatures: [...note.signatures, ...note.signatures] })),
  };
  expect(signersOf(withLinesOf(doubled, logKeys))).toEqual([keyIds, keyIds]);
  expect(signersOf(withLinesOf(doubled, [second.verifierKey]))).toEqual([keyIds.slice(1), keyIds.slice(1)]);
});
