import { isLoopbackName, type WriteAccess } from "../http/access.ts";
import { SETTINGS } from "../settings.ts";

/** What a person who has just started a log may want to type next. */
export interface FirstSteps {
  /** How this program is called from a shell, in words. */
  readonly invocation: readonly string[];
  /** Where the log listens. */
  readonly url: string;
  readonly vkey: string;
  readonly access: WriteAccess;
  /** The policy file that receipts of this log meet; undefined: it is verified by its key alone. */
  readonly policyPath?: string | undefined;
}

/**
 * Commands that work as they stand, in this order: add a line, fetch its receipt, verify it offline. Before them what they
 * need where writing takes a token; instead of them how to get one, where nobody may write.
 */
export function firstSteps({ invocation, url, vkey, access, policyPath }: FirstSteps): readonly string[] {
  const call = invocation.map(shellQuoted).join(" ");
  const isTokenWanted = access.mode === "token";
  if (isTokenWanted && access.tokens.current.length === 0) {
    return [
      `${call} token new`,
      "# nobody may write yet: start serve again with --token-hash and the hash it prints",
    ];
  }
  const remote = remoteFlags(url, vkey);
  const trusted =
    policyPath === undefined ? `--vkey ${shellQuoted(vkey)}` : `--policy ${shellQuoted(policyPath)}`;
  const verified = policyPath === undefined ? remote : `${atFlag(url)} ${trusted}`;
  return [
    ...(isTokenWanted ? ["export BRISTLECONE_TOKEN=...  # a token whose hash this log was given"] : []),
    `echo "hello, log" > hello.txt && ${call} add hello.txt${remote}`,
    `${call} receipt --entry hello.txt --out hello.tlog-proof${verified}`,
    `${call} verify hello.tlog-proof --entry hello.txt ${trusted}`,
  ];
}

/** What the commands have to be told: where the log is, unless they look there by default; whom to trust, unless it is local. */
function remoteFlags(listening: string, vkey: string): string {
  const at = atFlag(listening);
  return isLoopbackName(new URL(listening).hostname) ? at : `${at} --vkey ${shellQuoted(vkey)}`;
}

function atFlag(listening: string): string {
  const url = reachableUrl(listening);
  return url === SETTINGS.log.fallback ? "" : ` --log ${shellQuoted(url)}`;
}

/** An address that stands for all of this machine's, as one that can be called. */
export function reachableUrl(listening: string): string {
  return listening.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]");
}

/** One shell word that stands for `text`. */
export function shellQuoted(text: string): string {
  return /^[A-Za-z0-9_./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
