/** Two checkpoints of one log: does one continue the other? */

import { evidenceFromHeads } from "../client/evidence.ts";
import { TlogError } from "../client/index.ts";
import { type Checkpoint, explainCheckpoint, hashesEqual } from "../client/inspect.ts";
import { download, h } from "./dom.ts";
import { card, failure, mark } from "./parts.ts";
import type { PageTrust } from "./trust.ts";
import type { Page } from "./view.ts";
import { counted, grouped } from "./words.ts";

type Notes = readonly [Uint8Array, Uint8Array];

/** Equal sizes need no network; to prove that one tree begins with the other, the log's tiles are read. */
export async function compareHeads(page: Page, trust: PageTrust, notes: Notes): Promise<HTMLElement> {
  try {
    const reports = await Promise.all(
      notes.map((signedNote) => explainCheckpoint({ signedNote, policy: trust.policy })),
    );
    if (reports.some(({ verdict }) => verdict.error !== undefined)) {
      return card(
        "Compared",
        h(
          "p",
          { class: "notice" },
          "Not compared: a checkpoint that does not verify says nothing about the log.",
        ),
      );
    }
    const [first, second] = reports.map(({ checkpoint }) => checkpoint);
    if (first === undefined || second === undefined) return h("div");
    if (first.origin !== second.origin) {
      return card(
        "Compared",
        h("p", { class: "notice" }, `Two logs, ${first.origin} and ${second.origin}: nothing to compare.`),
      );
    }
    return await compareTrees(page, trust, { notes, first, second });
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return failure("The two could not be compared", error);
  }
}

async function compareTrees(
  { session, signal }: Page,
  trust: PageTrust,
  {
    notes,
    first,
    second,
  }: { readonly notes: Notes; readonly first: Checkpoint; readonly second: Checkpoint },
): Promise<HTMLElement> {
  const { origin } = first;
  const [older, newer] = first.treeSize <= second.treeSize ? [first, second] : [second, first];
  if (older.treeSize === newer.treeSize && hashesEqual(older.rootHash, newer.rootHash)) {
    return card(
      "Compared",
      h(
        "p",
        {},
        mark("passed"),
        `Both state the same tree of ${counted(older.treeSize, "entry", "entries")}.`,
      ),
    );
  }
  const sizes = { fromSize: older.treeSize, toSize: newer.treeSize };
  const isSameSize = older.treeSize === newer.treeSize;
  const proven =
    isSameSize || older.treeSize === 0 ? undefined : await session.client().consistency(sizes, { signal });
  const isContinued =
    proven === undefined
      ? !isSameSize
      : hashesEqual(proven.fromRoot, older.rootHash) && hashesEqual(proven.toRoot, newer.rootHash);
  if (isContinued) {
    return card(
      "Compared",
      h(
        "p",
        {},
        mark("passed"),
        h("strong", {}, "The larger tree continues the smaller one"),
        `: its first ${counted(older.treeSize, "entry", "entries")} of ${grouped(newer.treeSize)} are the same${proven === undefined ? "" : `, proven with ${counted(proven.proof.length, "hash", "hashes")} from the log`}.`,
      ),
    );
  }
  const finding =
    proven !== undefined && hashesEqual(proven.toRoot, newer.rootHash)
      ? { proof: proven.proof, alternativeRoot: proven.fromRoot }
      : {};
  const logKeys = trust.policy.logs.map(({ key }) => key);
  const evidence = await evidenceFromHeads({ origin, notes, logKeys, ...finding });
  return h(
    "section",
    { class: "card alarm", role: "alert" },
    h("h2", {}, "These two cannot both be true"),
    h(
      "p",
      {},
      `${origin} signed size ${grouped(first.treeSize)} and size ${grouped(second.treeSize)} of two different histories.`,
    ),
    evidence === undefined
      ? h(
          "p",
          {},
          "What is here is not enough for an evidence file: it takes a proof from the tree of the larger checkpoint.",
        )
      : h(
          "p",
          { class: "buttons" },
          h(
            "button",
            {
              type: "button",
              class: "primary",
              onclick: () => download("fork.tlog-evidence", evidence, "text/plain"),
            },
            "Save the evidence",
          ),
        ),
  );
}
