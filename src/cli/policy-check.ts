import { TlogError } from "../errors.ts";
import { formatVerifierKey } from "../tlog/key.ts";
import { MAX_POLICY_BYTES, type Policy, type PolicyGroup, parsePolicy } from "../tlog/policy.ts";
import { addExamples, type CommandDefinition } from "./command.ts";
import { readSmallFile } from "./files.ts";

/** `policy check`: reads a policy file as verifiers do, and says what it demands. */
export const policyCheck: CommandDefinition = {
  define(command) {
    command.argument("<file>", "the policy; - for standard input");
    addExamples(command, ["bristlecone policy check policy.txt"]);
  },
  async run({ args, stdin, output }) {
    const path = args[0] ?? "-";
    const policy = parseFrom(path, await readSmallFile(path, { maxBytes: MAX_POLICY_BYTES, stdin }));
    const logs = policy.logs.map(({ key, url }) => ({ origin: key.name, vkey: formatVerifierKey(key), url }));
    const witnesses = policy.witnesses.map(({ name, key, url }) => ({
      name,
      vkey: formatVerifierKey(key),
      url,
    }));
    await output.result({
      text: [
        `${path} is a valid policy`,
        ...logs.map(({ origin, vkey }) => `log      ${origin}  ${vkey}`),
        ...witnesses.map(({ name, vkey }) => `witness  ${name}  ${vkey}`),
        ...policy.groups.map(
          (group) => `group    ${group.name}: ${thresholdWords(group)} ${group.members.join(", ")}`,
        ),
        `demands  ${demandWords(policy)}`,
      ].join("\n"),
      json: { valid: true, logs, witnesses, groups: policy.groups, quorum: policy.quorum },
    });
    if (logs.length === 0)
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

function thresholdWords({ threshold, members }: PolicyGroup): string {
  if (threshold === "all") return "all of";
  return threshold === "any" ? "one of" : `${threshold} of the ${members.length}`;
}

function demandWords({ logs, quorum }: Policy): string {
  const signed = logs.length === 1 ? "signed by the log" : `signed by one of ${logs.length} logs`;
  return quorum === "none"
    ? `${signed}; no witness needs to cosign`
    : `${signed} and cosigned as ${quorum} says`;
}
