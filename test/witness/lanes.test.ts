import { afterEach, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { type MlDsaPool, openMlDsaPool } from "../../src/node/ml-dsa-pool.ts";
import { formatAddCheckpoint } from "../../src/tlog/add-checkpoint.ts";
import { formatNote, parseNote } from "../../src/tlog/note.ts";
import { known, testLog, testWitness } from "./harness.ts";

let pool: MlDsaPool | undefined;
afterEach(() => pool?.close());

it("false ML-DSA-44 signatures of one log, however many, keep no other log from being cosigned", async () => {
  pool = openMlDsaPool({ threads: 1, maxQueued: 4 });
  const flooding = await testLog("flood.example", { types: [6] });
  const honest = await testLog("log.example", { types: [6], number: 3 });
  const { witness } = await testWitness([known(flooding), known(honest)], { mlDsa44: pool });
  const { text } = parseNote(await flooding.note(8));
  const { signatures } = parseNote(await flooding.note(9));
  const checkpoint = formatNote({ text, signatures });
  const flood = Array.from({ length: 12 }, () =>
    witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint })).catch(codeOf),
  );
  await witness.addCheckpoint(await honest.request(0, 8));
  expect(new Set(await Promise.all(flood))).toEqual(new Set(["SIGNATURE_INVALID", "CRYPTO_BUSY"]));
});

function codeOf(error: unknown): string {
  return error instanceof TlogError ? error.code : String(error);
}
