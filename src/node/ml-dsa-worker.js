/**
 * What a thread of `ml-dsa-pool.ts` runs: one job a message, one answer a message.
 *
 * JavaScript, though checked by the compiler like everything else (allowJs, checkJs): Node 20 cannot start a worker from
 * TypeScript, and this one file has to start from the sources (vitest, tsx) as from `dist`, under the same name. For the same
 * reason it imports no file of this project.
 *
 * An answer is `undefined` when the job failed: it never carries an error, which could quote a secret.
 */
import { parentPort } from "node:worker_threads";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";

/** @import { MlDsaJob } from "./ml-dsa-pool.ts" */

parentPort?.on("message", (/** @type {MlDsaJob} */ job) => {
  parentPort?.postMessage(answerOf(job));
});

/**
 * @param {MlDsaJob} job
 * @returns {boolean | Uint8Array | undefined}
 */
function answerOf(job) {
  try {
    if (job.kind === "verify") return ml_dsa44.verify(job.signature, job.message, job.publicKey);
    if (job.kind === "sign") return ml_dsa44.sign(job.message, job.secretKey);
    const { publicKey, secretKey } = ml_dsa44.keygen(job.seed);
    return Uint8Array.of(...publicKey, ...secretKey);
  } catch {
    return undefined;
  }
}
