/** Runs the demonstration and leaves its two files where it is told: `main.ts [directory]`. Exit 0: every step came out. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runForkDemo } from "./fork-demo.ts";

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const INTERVAL_MS = 2_000;
/** For a machine that does other things too. */
const ALLOWANCE_MS = 500;

const result = await runForkDemo({ print, intervalMs: INTERVAL_MS });
if (result.foundAfterMs > INTERVAL_MS + ALLOWANCE_MS) {
  print(`Not within one interval of ${INTERVAL_MS} ms.`);
  process.exitCode = 1;
}
const [directory] = process.argv.slice(2);
if (directory !== undefined) {
  mkdirSync(directory, { recursive: true });
  const log = join(directory, "log.tlog-evidence");
  const witness = join(directory, "witness.tlog-evidence");
  writeFileSync(log, result.evidence);
  writeFileSync(witness, result.witnessEvidence);
  print(`\nVerify them anywhere:`);
  print(`  bristlecone evidence verify ${log} --log-key '${result.logVkey}'`);
  print(`  bristlecone evidence verify ${witness} --witness-key '${result.colluderVkey}'`);
}
