/**
 * What a thread of `matcher-module.ts` runs: a module that somebody wrote looks at entries, one message for a batch of them.
 *
 * JavaScript, though checked by the compiler, and without imports of this project: see `ml-dsa-worker.js`.
 */
import { parentPort, workerData } from "node:worker_threads";

/** @import { MatcherAnswer, MatcherBatch, MatcherThread } from "./matcher-module.ts" */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** @type {MatcherThread} */
const { url, progress } = workerData;
/** The entry of the batch that is being looked at: whoever waits sees where it hangs. */
const at = new Int32Array(progress);

/** @param {MatcherAnswer} answer */
const tell = (answer) => parentPort?.postMessage(answer);
/** @param {unknown} error */
const reasonOf = (error) => (error instanceof Error ? error.message : String(error));

const match = await import(url).then(
  (loaded) => loaded.match,
  (error) => tell({ kind: "unusable", reason: `cannot be loaded: ${reasonOf(error)}` }),
);
if (typeof match === "function") tell({ kind: "ready" });
else tell({ kind: "unusable", reason: 'want a module that exports a function "match"' });

parentPort?.on("message", async (/** @type {MatcherBatch} */ batch) => {
  const { origin, leafIndices, bytes, ends, leafHashes, from } = batch;
  for (const [index, leafIndex] of leafIndices.entries()) {
    if (index < from) continue;
    Atomics.store(at, 0, index);
    const entry = bytes.subarray(index === 0 ? 0 : ends[index - 1], ends[index]);
    const leafHash = leafHashes.subarray(index * 32, index * 32 + 32);
    try {
      const answer = await match({ origin, leafIndex, entry, leafHash, json: () => jsonOf(entry) });
      if (answer === undefined || answer === null || answer === false || answer === "") continue;
      if (typeof answer === "boolean" || typeof answer === "string") {
        tell({ kind: "found", index, verdict: answer });
      } else tell({ kind: "failed", index, reason: `want true, false or a text, got ${typeof answer}` });
    } catch (error) {
      tell({ kind: "failed", index, reason: reasonOf(error) });
    }
  }
  tell({ kind: "done" });
});

/** @param {Uint8Array} entry */
function jsonOf(entry) {
  try {
    return JSON.parse(decoder.decode(entry));
  } catch {
    return undefined;
  }
}
