import { TlogError } from "../errors.ts";
import { printableLine } from "../telemetry/printable.ts";
import { formatVerifierKey } from "../tlog/key.ts";
import { MAX_POLICY_BYTES, type Policy, type PolicyGroup, parsePolicy, showOctets } from "../tlog/policy.ts";
import { lintPolicy, type PolicyFinding, type PolicyLint } from "../tlog/policy-lint.ts";
import type { Party } from "../tlog/policy-parties.ts";
import type { FewestParties } from "../tlog/policy-resilience.ts";
import { addExamples, type CommandDefinition } from "./command.ts";
import { readSmallFile } from "./files.ts";

/** Most parties of an example that are named. */
const MAX_NAMED = 8;

/** `policy check`: reads a policy file as verifiers do, and says what it demands and how few parties break it. */
export const policyCheck: CommandDefinition = {
  define(command) {
    command.argument("<file>", "the policy; - for standard input");
    addExamples(command, ["bristlecone policy check policy.txt"]);
  },
  async run({ args, stdin, output }) {
    const path = args[0] ?? "-";
    const policy = parseFrom(path, await readSmallFile(path, { maxBytes: MAX_POLICY_BYTES, stdin }));
    const lint = lintPolicy(policy);
    await output.result({
      text: [
        `${path} is a valid policy`,
        ...demandLines(policy),
        ...resilienceLines(lint),
        ...lint.findings.flatMap(findingLines),
      ].join("\n"),
      json: { valid: true, ...policyJson(policy), ...lintJson(lint) },
    });
    if (policy.logs.length === 0)
      output.notice("the policy names no log, so no checkpoint and no receipt can meet it");
  },
};

function parseFrom(path: string, bytes: Uint8Array): Policy {
  try {
    return parsePolicy(bytes);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError(cause.code, `${path}: ${cause.message}`, { cause });
  }
}

function demandLines(policy: Policy): readonly string[] {
  return [
    ...policy.logs.map(({ key }) => `log      ${key.name}  ${formatVerifierKey(key)}`),
    ...policy.witnesses.map(({ name, key }) => `witness  ${showOctets(name)}  ${formatVerifierKey(key)}`),
    ...policy.groups.map(
      (group) =>
        `group    ${showOctets(group.name)}: ${thresholdWords(group)} ${group.members.map(showOctets).join(", ")}`,
    ),
    `demands  ${demandWords(policy)}`,
  ];
}

function thresholdWords({ threshold, members }: PolicyGroup): string {
  if (threshold === "all") return "all of";
  return threshold === "any" ? "one of" : `${threshold} of the ${members.length}`;
}

function demandWords({ logs, quorum }: Policy): string {
  const signed = logs.length === 1 ? "signed by the log" : `signed by one of ${logs.length} logs`;
  return quorum === "none"
    ? `${signed}; no witness needs to cosign`
    : `${signed} and cosigned as ${showOctets(quorum)} says`;
}

function resilienceLines({ parties, collusion, outage }: PolicyLint): readonly string[] {
  const of = parties.length === 1 ? "of 1 party" : `of ${parties.length} parties`;
  const split =
    collusion.count === 0
      ? "the log alone can show two people two different heads: no witness needs to collude"
      : `${countWords(collusion)} ${of} must collude with the log to show two people two different heads: ${example(collusion)}`;
  const stop =
    outage === undefined
      ? "no witness that is down stops publication"
      : `${countWords(outage)} ${of} down stop${outage.count === 1 ? "s" : ""} publication: ${example(outage)}`;
  return [`split    ${split}`, `outage   ${stop}`];
}

function countWords({ count, isExact }: FewestParties): string {
  return isExact ? `${count}` : `${count} or fewer`;
}

function example({ parties }: FewestParties): string {
  const named = parties.slice(0, MAX_NAMED).map(partyWords).join(", ");
  return `for example ${named}${parties.length > MAX_NAMED ? ` and ${parties.length - MAX_NAMED} more` : ""}`;
}

/** "witness.example (w1, w2)": the name in the keys, and what the policy calls them where that is something else. */
function partyWords({ name, witnesses }: Party): string {
  const names = witnesses.map(showOctets);
  return names.every((witness) => witness === name) ? name : `${name} (${names.join(", ")})`;
}

function findingLines({ code, message, fix }: PolicyFinding): readonly string[] {
  const weight = code === "WITNESS_WITHOUT_URL" ? "note   " : "warning";
  return ["", `${weight}  ${message}`, ...fix.split("\n").map((line) => `  ${printableLine(line)}`)];
}

function policyJson({ logs, witnesses, groups, quorum }: Policy): object {
  const url = (value: string | undefined) => (value === undefined ? {} : { url: showOctets(value) });
  return {
    logs: logs.map((log) => ({ origin: log.key.name, vkey: formatVerifierKey(log.key), ...url(log.url) })),
    witnesses: witnesses.map((witness) => ({
      name: showOctets(witness.name),
      vkey: formatVerifierKey(witness.key),
      ...url(witness.url),
    })),
    groups: groups.map(({ name, threshold, members }) => ({
      name: showOctets(name),
      threshold,
      members: members.map(showOctets),
    })),
    quorum: showOctets(quorum),
  };
}

function lintJson({ collusion, outage, findings }: PolicyLint): object {
  return { collusion: fewestJson(collusion), outage: outage && fewestJson(outage), findings };
}

function fewestJson({ count, isExact, parties }: FewestParties): object {
  const shown = parties.map(({ name, witnesses }) => ({ name, witnesses: witnesses.map(showOctets) }));
  return { count, isExact, parties: shown };
}
