/** Who signed the head that is shown: the log, each witness of the policy with its age, and what the quorum can spare. */
import { type CheckpointReport, formatVerifierKey, showOctets } from "../client/inspect.ts";
import { type Child, h } from "./dom.ts";
import { mark, timeAgo } from "./parts.ts";
import type { SessionState } from "./session.ts";
import { quorumWords } from "./steps.ts";

export function signers({ trust, info }: SessionState, report: CheckpointReport): Child {
  if (trust === undefined) return undefined;
  const { policy } = trust;
  const { quorum, signatures } = report;
  const log = signatures.filter(({ role, outcome }) => role === "log" && outcome === "valid");
  const rows = policy.witnesses.map(({ name, key }) => {
    const found = signatures.find((check) => check.witness === name && check.outcome === "valid");
    const reason = info?.failing.get(formatVerifierKey(key));
    return h(
      "li",
      {},
      mark(found === undefined ? "noted" : "passed"),
      h("span", { class: "name" }, showOctets(name)),
      " ",
      h(
        "span",
        { class: "muted" },
        found?.timestampSeconds
          ? ["cosigned ", timeAgo(found.timestampSeconds)]
          : found
            ? "cosigned"
            : ["did not cosign this head", reason !== undefined && ` (the log says: ${reason || "failing"})`],
      ),
    );
  });
  return [
    h(
      "ul",
      { class: "signatures" },
      log.map(({ name, label }) =>
        h(
          "li",
          {},
          mark("passed"),
          h("span", { class: "name" }, name),
          h("span", { class: "muted" }, ` the log's key ${label.slice(-8)}`),
        ),
      ),
      rows,
    ),
    policy.quorum === "none"
      ? h(
          "p",
          { class: "notice" },
          "No witness has to cosign: nobody but the log's operator stands behind this head.",
        )
      : h(
          "p",
          {},
          h(
            "span",
            { class: `badge ${quorum.isMet ? ((quorum.margin ?? 0) > 0 ? "good" : "thin") : "bad"}` },
            quorum.isMet ? `quorum met, ${quorum.margin ?? 0} to spare` : "quorum not met",
          ),
          " ",
          h("span", { class: "muted" }, quorumWords(policy)),
        ),
  ];
}
