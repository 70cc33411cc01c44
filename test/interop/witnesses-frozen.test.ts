import { describe, expect, it, vi } from "vitest";
import { openCheckpoint, parseCheckpoint } from "../../src/tlog/checkpoint.ts";
import { ML_DSA_44 } from "../../src/tlog/cosignature.ts";
import { decodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatFrozen } from "../../src/tlog/frozen.ts";
import { keyLabel, parseVerifierKey } from "../../src/tlog/key.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { hasGo } from "./go-programs.ts";
import { type FieldLog, type Member, PATIENCE_MS, PEERS, startWitnessField } from "./witness-field.ts";

const peers = PEERS.map(({ name }) => name);
const names = [...peers, "own"];
/** What stands in decision 0045: who cosigns extension lines, which c2sp.org/tlog-checkpoint allows. */
const ABLE = ["omniwitness", "litewitness", "own"].filter((name) => names.includes(name));
const skipped = !hasGo("go-cosigned") || peers.length === 0;
const FREEZE = { atSeconds: 1_795_320_000, successor: undefined };

/** Whose Ed25519 keys have all cosigned what the log shows. */
function cosigners({ log }: FieldLog, members: readonly Member[]): readonly string[] {
  const signed = new Set(parseNote(log.published().checkpoint).signatures.map(keyLabel));
  const isIn = (vkey: string) => signed.has(keyLabel(parseVerifierKey(vkey)));
  return members
    .filter(({ vkeys }) =>
      vkeys.filter((vkey) => parseVerifierKey(vkey).type !== ML_DSA_44).every((vkey) => isIn(vkey)),
    )
    .map(({ name }) => name);
}

describe.skipIf(skipped)(`a log of ours that ends, before ${names.join(", ")}`, () => {
  it("has its mark cosigned by those who cosign extension lines, and can do without", async () => {
    const field = await startWitnessField(names);
    try {
      const first = await field.open(names.length, PATIENCE_MS);
      await field.grow(first, 300);
      await first.log.close();

      // All of them: some refuse, and one cosigns a text without those lines.
      await expectCodeAsync(field.open(names.length, PATIENCE_MS, { freeze: FREEZE }), "QUORUM_NOT_MET");
      const unmarked = { ...FREEZE, isUnmarked: true };
      const without = await field.open(names.length, PATIENCE_MS, { freeze: unmarked });
      expect(cosigners(without, field.members)).toEqual(names);
      expect(without.failures).toEqual([]);
      await without.log.close();

      const marked = await field.open(ABLE.length, PATIENCE_MS, { freeze: FREEZE });
      await vi.waitFor(() => expect(cosigners(marked, field.members)).toEqual(ABLE), {
        timeout: PATIENCE_MS,
      });
      const { checkpoint } = marked.log.published();
      await marked.log.close();
      const { treeSize, extensions } = parseCheckpoint(decodeUtf8(parseNote(checkpoint).text));
      expect({ treeSize, extensions }).toEqual({ treeSize: 300, extensions: formatFrozen(FREEZE) });
      // Both refuse a note with one bad line.
      await field.cosigners(checkpoint);
      await openCheckpoint({ signedNote: checkpoint, logKeys: [field.signer.verifierKey] });
    } finally {
      await field.close();
    }
  });
});
