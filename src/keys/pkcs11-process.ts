/** The process that speaks to a PKCS#11 module: one that crashes, hangs or scribbles takes nothing but itself along. */
import { TlogError } from "../errors.ts";
import { messageOf } from "../node/errno.ts";
import type { FromModule, ToModule } from "./pkcs11-messages.ts";
import { loadPkcs11 } from "./pkcs11-module.ts";
import { openTokenKey, PIN_WANTED, type TokenKey } from "./pkcs11-token.ts";

/** What happens to the process that asks decides: its last checkpoint may still have to be signed. */
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
if (process.platform !== "win32") process.on("SIGUSR2", () => undefined); // For the process that writes log lines.
process.on("disconnect", () => process.exit());

let key: TokenKey | undefined; // owned by answerTo()

process.on("message", (message: ToModule) => {
  const answer = answerOrFailure(message);
  process.send?.(answer, undefined, undefined, () => {
    // A session that failed once is not trusted again.
    if (answer.kind === "failed" || answer.kind === "pinWanted") process.exit();
  });
});

function answerOrFailure(message: ToModule): FromModule {
  try {
    return answerTo(message);
  } catch (error) {
    const code = error instanceof TlogError ? error.code : "SIGNER_FAILED";
    return { kind: "failed", code, message: messageOf(error) };
  }
}

function answerTo(message: ToModule): FromModule {
  if (message.kind === "open") {
    const opened = openTokenKey(loadPkcs11(), message);
    if (opened === PIN_WANTED) return { kind: "pinWanted" };
    key = opened;
    return { kind: "opened", publicKey: opened.publicKey };
  }
  if (key === undefined) throw new TlogError("SIGNER_FAILED", "pkcs11: no key is open");
  return { kind: "signature", signature: key.sign(message.message) };
}
