import { expect, it, onTestFailed } from "vitest";
import { runForkDemo } from "../../examples/fork-demo/fork-demo.ts";
import { verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { IS_FULL } from "../runs.ts";

it.runIf(IS_FULL)(
  "one colluding witness of a 2-of-3 policy fools a client; a cross-check finds it and two files convict",
  async () => {
    const lines: string[] = [];
    onTestFailed(() => console.log(`how far the play came:\n${lines.join("\n")}`));
    const result = await runForkDemo({ print: (line) => lines.push(line), intervalMs: 1_000 });
    const told = lines.join("\n");
    expect(told).toContain("302 entries, cosigned by alice and mallory");
    expect(told).toContain("301 entries, cosigned by bob and mallory");
    expect(told).toContain("the client is fooled");
    expect(told).toContain("alice.example/w has read the file too, and cosigns the log no more.");
    const logKeys = [parseVerifierKey(result.logVkey)];
    const verdict = await verifyForkEvidence({ evidence: result.evidence, logKeys });
    expect(verdict).toMatchObject({
      kind: "cross-size",
      accused: { role: "log", name: "log.example/payments" },
    });
    const witnessKeys = [parseVerifierKey(result.colluderVkey)];
    const guilty = await verifyForkEvidence({ evidence: result.witnessEvidence, logKeys: [], witnessKeys });
    expect(guilty).toMatchObject({ kind: "witness-equivocation", accused: { name: "mallory.example/w" } });
  },
  60_000,
);
