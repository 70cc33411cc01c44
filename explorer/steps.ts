/** A verification step by step, as far as it got: what was computed, what it was compared with, and what had to be trusted. */
import type { Policy } from "../client/index.ts";
import {
  type CheckpointReport,
  COSIGNATURE_V1,
  ED25519,
  encodeBase64,
  encodeHex,
  ML_DSA_44,
  type ReceiptReport,
  type SignatureCheck,
  showOctets,
  thresholdOf,
} from "../client/inspect.ts";
import { type Child, h } from "./dom.ts";
import { copyable, mark, type Outcome, timeAgo } from "./parts.ts";
import { counted, grouped, leavesText } from "./words.ts";

interface Step {
  readonly outcome: Outcome;
  readonly title: string;
  readonly body: readonly Child[];
}

/** @param entryBytes - how long the entry is; undefined: only its hash is known. */
export function receiptSteps(
  report: ReceiptReport,
  policy: Policy,
  entryBytes: number | undefined,
): HTMLElement {
  return stepList([
    leafStep(report, entryBytes),
    pathStep(report),
    rootStep(report),
    ...checkpointStepsOf(report, policy),
  ]);
}

export function checkpointSteps(report: CheckpointReport, policy: Policy): HTMLElement {
  return stepList(checkpointStepsOf(report, policy));
}

function stepList(steps: readonly Step[]): HTMLElement {
  return h(
    "ol",
    { class: "steps" },
    steps.map(({ outcome, title, body }) =>
      h("li", { class: outcome }, h("h3", {}, mark(outcome), title), h("div", { class: "body" }, body)),
    ),
  );
}

function leafStep({ leafHash }: ReceiptReport, entryBytes: number | undefined): Step {
  const hash = h("p", {}, copyable(encodeHex(leafHash), "the leaf hash"));
  if (entryBytes === undefined) {
    return {
      outcome: "noted",
      title: "The leaf hash was given",
      body: [h("p", {}, "The entry's bytes are not here, so this says nothing of them."), hash],
    };
  }
  return {
    outcome: "passed",
    title: "Leaf: the entry's bytes give the leaf hash",
    body: [
      h(
        "p",
        {},
        `SHA-256 of a zero byte and the ${counted(entryBytes, "byte")} of the entry, computed here:`,
      ),
      hash,
    ],
  };
}

function pathStep({ path, proofHashes, leafHash, leafIndex, checkpoint }: ReceiptReport): Step {
  const { wanted, given } = proofHashes;
  const isFitting = wanted === given && leafIndex < checkpoint.treeSize;
  const title = `Path: ${counted(given, "hash", "hashes")} from the leaf upwards`;
  if (!isFitting) {
    const reason =
      leafIndex >= checkpoint.treeSize
        ? `Leaf ${grouped(leafIndex)} cannot be in a tree of ${counted(checkpoint.treeSize, "leaf", "leaves")}.`
        : `A tree of ${counted(checkpoint.treeSize, "leaf", "leaves")} asks for ${grouped(wanted)} here.`;
    return { outcome: "failed", title, body: [h("p", {}, reason)] };
  }
  if (given === 0)
    return { outcome: "passed", title, body: [h("p", {}, "The tree has one leaf, which is the root.")] };
  const rows = path.map(({ sibling, side, siblingHash, parentHash, parent }, at) =>
    h(
      "tr",
      {},
      h("td", {}, `${at + 1}`),
      h("td", {}, side === "left" ? "hash ‖ ours" : "ours ‖ hash"),
      h(
        "td",
        {},
        h("code", {}, encodeHex(siblingHash).slice(0, 16)),
        h("span", { class: "muted" }, ` ${leavesText(sibling)}`),
      ),
      h(
        "td",
        {},
        h("code", {}, encodeHex(parentHash).slice(0, 16)),
        h("span", { class: "muted" }, ` ${leavesText(parent)}`),
      ),
    ),
  );
  const head = h(
    "tr",
    {},
    ["", "order", "hash from the proof", "gives"].map((name) => h("th", { scope: "col" }, name)),
  );
  const table = h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Each hash of the path" },
    h("table", {}, h("thead", {}, head), h("tbody", {}, rows)),
  );
  const start = h(
    "p",
    {},
    "Each step is SHA-256 of a one byte, the left hash and the right hash. From ",
    h("code", {}, encodeHex(leafHash).slice(0, 16)),
    " on:",
  );
  return {
    outcome: "passed",
    title,
    body: [h("details", {}, h("summary", {}, "Show each step"), start, table)],
  };
}

function rootStep({ computedRoot, checkpoint, isRootReached }: ReceiptReport): Step {
  const computed = encodeHex(computedRoot);
  const signed = encodeHex(checkpoint.rootHash);
  if (isRootReached) {
    return {
      outcome: "passed",
      title: "Root: the path ends in the root that the checkpoint states",
      body: [h("p", {}, copyable(signed, "the root hash"))],
    };
  }
  return {
    outcome: "failed",
    title: "Root: the path does not end in the root that the checkpoint states",
    body: [
      h("p", {}, "computed ", differing(computed, signed)),
      h("p", {}, "stated   ", differing(signed, computed)),
    ],
  };
}

/** A hash, with what differs from another one marked. */
function differing(hash: string, other: string): HTMLElement {
  return h(
    "code",
    { class: "hash" },
    [...hash].map((digit, at) => (digit === other[at] ? digit : h("mark", {}, digit))),
  );
}

function checkpointStepsOf(report: CheckpointReport, policy: Policy): readonly Step[] {
  const { signatures, checkpoint } = report;
  const byLog = signatures.filter(({ role }) => role === "log");
  const isSigned =
    byLog.some(({ outcome }) => outcome === "valid") && byLog.every(({ outcome }) => outcome !== "invalid");
  const signed: Step = {
    outcome: isSigned ? "passed" : "failed",
    title: isSigned
      ? "Log: its key signed this checkpoint"
      : "Log: no key you trust signed this checkpoint as it is",
    body: [
      h(
        "p",
        {},
        `${checkpoint.origin} states a tree of ${counted(checkpoint.treeSize, "entry", "entries")} with the root `,
        h("code", {}, encodeBase64(checkpoint.rootHash)),
        ".",
      ),
      byLog.length > 0
        ? signatureList(byLog)
        : h("p", {}, "There is no line of a log key that you trust for this origin."),
    ],
  };
  return [signed, ...witnessSteps(report), quorumStep(report, policy)];
}

function witnessSteps({ signatures }: CheckpointReport): readonly Step[] {
  const byWitness = signatures.filter(({ role }) => role === "witness");
  const unknown = signatures.filter(({ role }) => role === "unknown");
  const steps: Step[] = [];
  if (byWitness.length > 0) {
    const bad = byWitness.some(({ outcome }) => outcome === "invalid");
    const good = byWitness.filter(({ outcome }) => outcome === "valid").length;
    steps.push({
      outcome: bad ? "failed" : "passed",
      title: bad
        ? "Witnesses: a cosignature is not what it says"
        : `Witnesses: ${counted(good, "cosignature")} that you know`,
      body: [signatureList(byWitness)],
    });
  }
  if (unknown.length > 0) {
    steps.push({
      outcome: "noted",
      title: `${counted(unknown.length, "signature")} of keys that your policy does not name`,
      body: [signatureList(unknown)],
    });
  }
  return steps;
}

function signatureList(signatures: readonly SignatureCheck[]): HTMLElement {
  return h(
    "ul",
    { class: "signatures" },
    signatures.map((signature) =>
      h(
        "li",
        {},
        mark(markOf(signature)),
        h(
          "span",
          { class: "name" },
          signature.witness === undefined ? signature.name : showOctets(signature.witness),
        ),
        h("span", { class: "muted" }, ` ${typeName(signature)}, key ${signature.label.slice(-8)} `),
        signature.timestampSeconds !== undefined &&
          signature.timestampSeconds > 0 &&
          h("span", { class: "muted" }, timeAgo(signature.timestampSeconds)),
        signature.outcome === "invalid" && h("strong", {}, " does not verify"),
        signature.outcome === "repeated" &&
          h("span", { class: "muted" }, " a second line of this key, not looked at"),
      ),
    ),
  );
}

function markOf({ outcome }: SignatureCheck): Outcome {
  if (outcome === "valid") return "passed";
  return outcome === "invalid" ? "failed" : "noted";
}

function typeName({ type }: SignatureCheck): string {
  if (type === ED25519) return "Ed25519";
  if (type === COSIGNATURE_V1) return "Ed25519 cosignature";
  return type === ML_DSA_44 ? "ML-DSA-44" : "unknown";
}

function quorumStep({ quorum, verdict }: CheckpointReport, policy: Policy): Step {
  const rule = h("p", {}, quorumWords(policy));
  if (policy.quorum === "none") {
    return {
      outcome: "noted",
      title: "Policy: nobody beside the log has to sign",
      body: [
        h(
          "p",
          {},
          "So a log that shows different histories to different readers is only noticed when they compare what they saw.",
        ),
      ],
    };
  }
  const isEmpty = "verified" in verdict && verdict.verified.treeSize === 0;
  const margin =
    quorum.margin === undefined
      ? ""
      : quorum.margin === 0
        ? " With one witness less it would not be."
        : ` It would still be with any ${quorum.margin === 1 ? "one" : quorum.margin} of them away.`;
  return {
    outcome: quorum.isMet ? "passed" : isEmpty ? "noted" : "failed",
    title: quorum.isMet ? "Policy: the quorum is met" : "Policy: the quorum is not met",
    body: [
      rule,
      h(
        "p",
        {},
        `${counted(quorum.cosigned.length, "witness", "witnesses")} of the policy cosigned.${margin}`,
      ),
    ],
  };
}

/** "Quorum of w: 2 of a, b, c." */
export function quorumWords({ quorum, groups }: Policy): string {
  if (quorum === "none") return "Nobody beside the log has to sign.";
  const group = groups.find(({ name }) => name === quorum);
  if (group === undefined) return `The witness ${showOctets(quorum)} has to cosign.`;
  const { threshold, members } = group;
  const names = members.map(showOctets).join(", ");
  const wanted = thresholdOf(threshold, members.length);
  return wanted === members.length
    ? `All of ${names} have to cosign.`
    : `${wanted} of ${members.length} have to cosign: ${names}.`;
}
