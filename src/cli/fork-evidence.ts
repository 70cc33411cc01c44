import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ForkedHeads } from "../../client/errors.ts";
import { stateDirectory } from "../config.ts";
import { TlogError } from "../errors.ts";
import type { Call } from "./command.ts";
import { makeFolder, replaceFile } from "./files.ts";

/**
 * Saves the two signed heads as `<state>/forks/<hex SHA-256 of the note>.checkpoint`, and says where: two files that
 * `consistency` takes, and that convince anybody else. Never throws, because the fork is what has to be reported.
 */
export async function keepForkedHeads(call: Call, { remembered, shown }: ForkedHeads): Promise<void> {
  try {
    const folder = join(stateDirectory((await call.config()).value("state")), "forks");
    await makeFolder(folder, { mode: 0o700 });
    const paths: string[] = [];
    for (const note of [remembered, shown]) {
      const name = createHash("sha256").update(note).digest("hex");
      const path = join(folder, `${name}.checkpoint`);
      await replaceFile(path, note);
      paths.push(path);
    }
    call.output.notice(`the two signed heads that prove it are kept in ${paths.join(" and ")}`);
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    call.output.notice(`the two signed heads that prove it could not be kept: ${error.message}`);
  }
}
