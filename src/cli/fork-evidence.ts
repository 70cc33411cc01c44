import { join } from "node:path";
import type { LogForkedError } from "../../client/errors.ts";
import { stateDirectory } from "../config.ts";
import { TlogError } from "../errors.ts";
import { evidenceId, parseForkEvidence } from "../tlog/fork-evidence.ts";
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
