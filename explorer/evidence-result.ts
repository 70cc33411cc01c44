/** What an evidence file proves, and against whom. */
import { verifyForkEvidence } from "../client/evidence.ts";
import { TlogError } from "../client/index.ts";
import { encodeHex, formatVerifierKey } from "../client/inspect.ts";
import { h } from "./dom.ts";
import type { GivenFile } from "./file-kinds.ts";
import { copyable, facts, failure } from "./parts.ts";
import type { PageTrust } from "./trust.ts";
import { grouped } from "./words.ts";

export async function evidenceResult(trust: PageTrust, { name, bytes }: GivenFile): Promise<HTMLElement> {
  const logKeys = trust.policy.logs.map(({ key }) => key);
  const witnessKeys = trust.policy.witnesses.map(({ key }) => key);
  try {
    const verdict = await verifyForkEvidence({ evidence: bytes, logKeys, witnessKeys });
    const { accused, explanation, heads, signedBy, id } = verdict;
    return h(
      "section",
      { class: "card alarm" },
      h("h2", {}, `Proven: the ${accused.role} ${accused.name} broke its word`),
      explanation.split("\n").map((line) => h("p", {}, line)),
      facts(
        ...heads.map(
          ({ treeSize, rootHash }) =>
            [`size ${grouped(treeSize)}`, copyable(encodeHex(rootHash), "this root")] as const,
        ),
        ...signedBy.map((vkey) => ["signed by", copyable(vkey, "this key")] as const),
        ["evidence id", copyable(id, "the evidence's id")],
      ),
    );
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const known = h(
      "p",
      { class: "muted" },
      `Verified with the keys of ${[...logKeys, ...witnessKeys].map((key) => formatVerifierKey(key).split("+")[0]).join(", ")}. For evidence about others, give their keys under Trust.`,
    );
    return failure(`${name} proves nothing here`, error, known);
  }
}
