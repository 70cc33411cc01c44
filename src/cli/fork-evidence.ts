import { join } from "node:path";
import type { LogForkedError } from "../../client/errors.ts";
import { KeyHistoryForkedError } from "../../client/key-ring.ts";
import { stateDirectory } from "../config.ts";
import { TlogError } from "../errors.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { evidenceId, parseForkEvidence } from "../tlog/fork-evidence.ts";
import { keyHistoryId } from "../tlog/key-history.ts";
import type { Call } from "./command.ts";
import { makeFolder, replaceFile } from "./files.ts";

/**
 * Saves what proves a fork as `<state>/forks/<id>.tlog-evidence`, and says how anybody else verifies it. Never throws, because the
 * fork is what has to be reported.
 */
export async function keepForkEvidence(call: Call, { evidence }: LogForkedError): Promise<void> {
  try {
    if (evidence === undefined) throw new TlogError("EVIDENCE_INVALID", "the two heads make no evidence");
    const folder = join(stateDirectory((await call.config()).value("state")), "forks");
    await makeFolder(folder, { mode: 0o700 });
    const path = join(folder, `${evidenceId(parseForkEvidence(evidence))}.tlog-evidence`);
    await replaceFile(path, evidence);
    call.output.notice(
      `the evidence is kept in ${path}; whoever has the log's key verifies it with: bristlecone evidence verify ${path} --log-key VKEY`,
    );
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    call.output.notice(`the evidence could not be kept: ${error.message}`);
  }
}

/**
 * Saves two signed histories of one log's keys that contradict each other as `<state>/forks/<id>.key-history`:
 * the one that is remembered, and the one that is shown. Never throws.
 */
export async function keepKeyHistories(call: Call, error: TlogError): Promise<void> {
  if (!(error instanceof KeyHistoryForkedError)) return;
  try {
    const folder = join(stateDirectory((await call.config()).value("state")), "forks");
    await makeFolder(folder, { mode: 0o700 });
    const pathOf = (history: Uint8Array) => join(folder, `${keyHistoryId(history)}.key-history`);
    const [remembered, shown] = [pathOf(error.remembered), pathOf(error.shown)];
    await replaceFile(remembered, decodeUtf8(error.remembered));
    await replaceFile(shown, decodeUtf8(error.shown));
    call.output.notice(
      `both are kept: ${remembered} is remembered, ${shown} is what the log shows now; send both to its operator`,
    );
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    call.output.notice(`the two histories could not be kept: ${cause.message}`);
  }
}
