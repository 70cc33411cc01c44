import { TlogError } from "../../src/errors.ts";
import type { Guard } from "../../src/keys/guard.ts";
import type { Log } from "../../src/log/log.ts";
import { verifyConsistency } from "../../src/merkle/consistency.ts";
import type { LogStore } from "../../src/store/store.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { type Disks, guardOn, testSigner } from "./harness.ts";

/** What happens on the way to publication, witnesses aside. */
export type Step = "commit" | "guard.write" | "sign" | "recordHeads";
export type Persisted = "nothing persisted" | "persisted all the same";

export const STEPS: readonly Step[] = ["commit", "guard.write", "sign", "recordHeads"];
export const OUTCOMES: readonly Persisted[] = ["nothing persisted", "persisted all the same"];

/** Fails one step from the moment `fault.step` names it: before or after its effect. */
export function faulty(disks: Disks, fault: { step: Step | undefined; outcome: Persisted; trace: string[] }) {
  const around = async <T>(step: Step, effect: () => Promise<T>): Promise<T> => {
    fault.trace.push(step);
    if (fault.step !== step) return await effect();
    if (fault.outcome === "persisted all the same") await effect();
    throw new TlogError("STORE_FAILED", `${step} fails`);
  };
  const wrap = (store: LogStore): LogStore => ({
    ...store,
    commit: (batch) => around("commit", () => store.commit(batch)),
    recordHeads: (rows) => around("recordHeads", () => store.recordHeads(rows)),
  });
  const healthy = guardOn(disks);
  const guard: Guard = { ...healthy, write: (record) => around("guard.write", () => healthy.write(record)) };
  const signers = async () => {
    const signer = await testSigner();
    return [{ ...signer, sign: (text: Uint8Array) => around("sign", () => signer.sign(text)) }];
  };
  return { wrap, guard, signers };
}

export async function headOf(
  log: Log,
): Promise<{ readonly treeSize: number; readonly rootHash: Uint8Array }> {
  const logKeys = log.vkeys.map(parseVerifierKey);
  const { treeSize, rootHash } = await openCheckpoint({ signedNote: log.published().checkpoint, logKeys });
  return { treeSize, rootHash };
}

export async function expectConsistent(
  log: Log,
  earlier: { readonly treeSize: number; readonly rootHash: Uint8Array },
) {
  const later = await headOf(log);
  const proof = await log.proveConsistency({ fromSize: earlier.treeSize, toSize: later.treeSize });
  verifyConsistency({
    fromSize: earlier.treeSize,
    fromRoot: earlier.rootHash,
    toSize: later.treeSize,
    toRoot: later.rootHash,
    proof,
  });
}
