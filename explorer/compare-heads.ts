/** Two checkpoints of one log: does one continue the other? */

import { evidenceFromHeads } from "../client/evidence.ts";
import { TlogError } from "../client/index.ts";
import { type Checkpoint, explainCheckpoint, hashesEqual } from "../client/inspect.ts";
import { h } from "./dom.ts";
import { card, evidenceButton, failure, mark } from "./parts.ts";
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
      return unsaid("a checkpoint that does not verify says nothing about the log.");
    }
    const [first, second] = reports.map(({ checkpoint }) => checkpoint);
    if (first === undefined || second === undefined) return h("div");
    if (first.origin !== second.origin) {
      return unsaid(`${first.origin} and ${second.origin} are two logs.`);
    }
    return await compareTrees(page, trust, { notes, first, second });
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return failure("The two could not be compared", error);
  }
}

interface Compared {
  readonly notes: Notes;
  readonly first: Checkpoint;
  readonly second: Checkpoint;
}

async function compareTrees(page: Page, trust: PageTrust, compared: Compared): Promise<HTMLElement> {
  const { notes, first, second } = compared;
  const { session, signal } = page;
  const [older, newer] = first.treeSize <= second.treeSize ? [first, second] : [second, first];
  if (older.treeSize === newer.treeSize) {
    if (!hashesEqual(older.rootHash, newer.rootHash)) return conviction(trust, compared, {});
    const tree = `Both state the same tree of ${counted(older.treeSize, "entry", "entries")}.`;
    return card("Compared", h("p", {}, mark("passed"), tree));
  }
  if (older.treeSize === 0) return continued(older, newer, undefined);
  const { head } = session.state();
  if (head === undefined || head.origin !== newer.origin || head.treeSize < newer.treeSize) {
    return unsaid(
      "the log of this page has no tree that holds both, and only a tree can prove that one continues the other.",
    );
  }
  const sizes = { fromSize: older.treeSize, toSize: newer.treeSize };
  const { fromRoot, toRoot, proof } = await session.client().consistency(sizes, { signal });
  if (!hashesEqual(toRoot, newer.rootHash)) {
    // The log's tree does not begin with the newer one: of the two to each other it tells nothing.
    const withHead = {
      notes: [newer === first ? notes[0] : notes[1], head.signedNote],
      first: newer,
      second: head,
    } as const;
    if (head.treeSize === newer.treeSize) return conviction(trust, withHead, {});
    const toHead = await session
      .client()
      .consistency({ fromSize: newer.treeSize, toSize: head.treeSize }, { signal });
    return conviction(trust, withHead, { proof: toHead.proof, alternativeRoot: toHead.fromRoot });
  }
  if (hashesEqual(fromRoot, older.rootHash)) return continued(older, newer, proof.length);
  return conviction(trust, compared, { proof, alternativeRoot: fromRoot });
}

function unsaid(why: string): HTMLElement {
  return card("Compared", h("p", { class: "notice" }, `Not compared: ${why}`));
}

function continued(older: Checkpoint, newer: Checkpoint, hashes: number | undefined): HTMLElement {
  const proven =
    hashes === undefined ? "" : `, proven with ${counted(hashes, "hash", "hashes")} from the log`;
  return card(
    "Compared",
    h(
      "p",
      {},
      mark("passed"),
      h("strong", {}, "The larger tree continues the smaller one"),
      `: its first ${counted(older.treeSize, "entry", "entries")} of ${grouped(newer.treeSize)} are the same${proven}.`,
    ),
  );
}

async function conviction(
  trust: PageTrust,
  { notes, first, second }: Compared,
  finding: Pick<Parameters<typeof evidenceFromHeads>[0], "proof" | "alternativeRoot">,
): Promise<HTMLElement> {
  const { origin } = first;
  const logKeys = trust.policy.logs.map(({ key }) => key);
  const evidence = await evidenceFromHeads({ origin, notes, logKeys, ...finding });
  if (evidence === undefined) return unsaid("what is here is not enough to tell.");
  return h(
    "section",
    { class: "card alarm", role: "alert" },
    h("h2", {}, "These two cannot both be true"),
    h(
      "p",
      {},
      `${origin} signed size ${grouped(first.treeSize)} and size ${grouped(second.treeSize)} of two different histories.`,
    ),
    h("p", { class: "buttons" }, evidenceButton(evidence)),
  );
}
