/**
 * "log <vkey> [<url>]", "witness <name> <vkey> [<url>]", "group <name> all|any|<k> <name>…", "quorum <name>|none": one a line, in
 * octets; items are set apart by spaces and tabs.  c2sp.org/tlog-policy
 */
import { TlogError } from "../errors.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "./cosignature.ts";
import { decodeUtf8, encodeHex, encodeUtf8, parseDecimal } from "./encoding.ts";
import { ED25519, formatVerifierKey, type KeyType, parseVerifierKey, type VerifierKey } from "./key.ts";

/** Far above the 32 logs, 32 witnesses and 32 groups every implementation should take. */
export const MAX_POLICY_BYTES = 1024 * 1024;
const MAX_POLICY_LINES = 10_000;

const NO_QUORUM = "none";
const LOG_KEY_TYPES: readonly KeyType[] = Object.freeze([ED25519, ML_DSA_44]);
const WITNESS_KEY_TYPES: readonly KeyType[] = Object.freeze([COSIGNATURE_V1, ML_DSA_44]);

export interface PolicyLog {
  /** Its name is the log's origin. */
  readonly key: VerifierKey;
  readonly url?: string;
}

export interface PolicyWitness {
  /** What the policy calls it; an octet a character. */
  readonly name: string;
  readonly key: VerifierKey;
  readonly url?: string;
}

export interface PolicyGroup {
  readonly name: string;
  /** How many members must have witnessed: as it is written. */
  readonly threshold: "all" | "any" | number;
  /** Names of witnesses and of earlier groups. */
  readonly members: readonly string[];
}

/** Which checkpoints are believed: signed by one of the logs, and cosigned by a quorum. Names and URLs hold an octet a character. */
export interface Policy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  /** In order of definition: members come before the group. */
  readonly groups: readonly PolicyGroup[];
  /** The witness or group that must have witnessed; "none": nobody needs to. */
  readonly quorum: string;
}

/** The policy "signed by this log key, cosigned by nobody". @throws {TlogError} VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED */
export function singleKeyPolicy(vkey: string): Policy {
  const key = parseVerifierKey(vkey);
  assertKeyType("log", key, LOG_KEY_TYPES);
  return { logs: [{ key }], witnesses: [], groups: [], quorum: NO_QUORUM };
}

/**
 * Parses a policy file.
 * @param policy - the file; a string stands for its UTF-8 bytes.
 * @throws {TlogError} POLICY_MALFORMED, with the number of the line
 */
export function parsePolicy(policy: Uint8Array | string): Policy {
  const builder = new PolicyBuilder();
  for (const [index, line] of splitLines(policy).entries()) {
    try {
      const items = line.split(/[ \t]+/).filter((item) => item !== "");
      if (items.length > 0 && !items[0]?.startsWith("#")) builder.add(items);
    } catch (cause) {
      const reason = cause instanceof TlogError ? cause.message : "unreadable";
      throw new TlogError("POLICY_MALFORMED", `line ${index + 1}: ${reason}`, { cause });
    }
  }
  return builder.finish();
}

/**
 * The policy as a file: logs, witnesses, groups, quorum. Comments and spacing of the file it came from are not kept.
 * @throws {TlogError} POLICY_MALFORMED when it could not be read back, for example for a name with a space
 */
export function formatPolicy({ logs, witnesses, groups, quorum }: Policy): Uint8Array {
  const vkey = (key: VerifierKey) => toOctets(encodeUtf8(formatVerifierKey(key)));
  const lines = [
    ...logs.map(({ key, url }) => ["log", vkey(key), url]),
    ...witnesses.map(({ name, key, url }) => ["witness", name, vkey(key), url]),
    ...groups.map(({ name, threshold, members }) => ["group", name, `${threshold}`, ...members]),
    ["quorum", quorum],
  ];
  const items = lines.flat().filter((item) => item !== undefined);
  const unwritable = items.find((item) => !/^[\x21-\x7e\x80-\xff]+$/.test(item));
  if (unwritable !== undefined) {
    throw new TlogError("POLICY_MALFORMED", `want octets without spaces, got ${JSON.stringify(unwritable)}`);
  }
  const text = lines.map((items) => `${items.filter((item) => item !== undefined).join(" ")}\n`).join("");
  const policy = fromOctets(text);
  parsePolicy(policy);
  return policy;
}

/** Whether these witnesses, by the policy's names for them, are a quorum. */
export function isQuorumMet(policy: Policy, witnessNames: Iterable<string>): boolean {
  const known = new Set(policy.witnesses.map(({ name }) => name));
  const witnessed = new Set([...witnessNames].filter((name) => known.has(name)));
  // Members come before their group, so one pass decides all: no recursion, however deep they nest.
  for (const { name, threshold, members } of policy.groups) {
    const count = members.filter((member) => witnessed.has(member)).length;
    if (count >= thresholdOf(threshold, members.length)) witnessed.add(name);
  }
  return policy.quorum === NO_QUORUM || witnessed.has(policy.quorum);
}

/** A policy's name or URL for people to read: its octets as UTF-8, U+FFFD where they are not. */
export function showOctets(octets: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(fromOctets(octets));
}

/** One parse: takes the lines in order, and holds each to what the lines before it defined. */
class PolicyBuilder {
  // All owned by add().
  readonly #logs: PolicyLog[] = [];
  readonly #witnesses: PolicyWitness[] = [];
  readonly #groups: PolicyGroup[] = [];
  /** Every name defined so far; false once it is a member of a group. */
  readonly #isFree = new Map<string, boolean>();
  readonly #keys = new Set<string>();
  #quorum: string | undefined;

  add([keyword, ...items]: readonly string[]): void {
    if (keyword === "log") this.#addLog(items);
    else if (keyword === "witness") this.#addWitness(items);
    else if (keyword === "group") this.#addGroup(items);
    else if (keyword === "quorum") this.#setQuorum(items);
    else throw malformed(`want log, witness, group or quorum, got ${JSON.stringify(keyword)}`);
  }

  finish(): Policy {
    if (this.#quorum === undefined) throw malformed("no quorum line");
    return { logs: this.#logs, witnesses: this.#witnesses, groups: this.#groups, quorum: this.#quorum };
  }

  #addLog(items: readonly string[]): void {
    const [vkey, url, ...rest] = items;
    if (vkey === undefined || rest.length > 0) throw malformed("want: log <vkey> [<url>]");
    this.#logs.push({
      key: this.#uniqueKey("log", vkey, LOG_KEY_TYPES),
      ...(url === undefined ? {} : { url }),
    });
  }

  #addWitness(items: readonly string[]): void {
    const [name, vkey, url, ...rest] = items;
    if (name === undefined || vkey === undefined || rest.length > 0) {
      throw malformed("want: witness <name> <vkey> [<url>]");
    }
    this.#define(name);
    const key = this.#uniqueKey("witness", vkey, WITNESS_KEY_TYPES);
    this.#witnesses.push({ name, key, ...(url === undefined ? {} : { url }) });
  }

  #addGroup(items: readonly string[]): void {
    const [name, rule, ...members] = items;
    if (name === undefined || rule === undefined || members.length === 0) {
      throw malformed("want: group <name> all|any|<k> <name>…");
    }
    for (const member of members) this.#useAsMember(member);
    this.#define(name);
    const threshold = rule === "all" || rule === "any" ? rule : parseDecimal(rule);
    const wanted = thresholdOf(threshold, members.length);
    if (wanted < 1 || wanted > members.length)
      throw malformed(`want 1 to ${members.length} of the members, got ${rule}`);
    this.#groups.push({ name, threshold, members });
  }

  #setQuorum(items: readonly string[]): void {
    const [name, ...rest] = items;
    if (name === undefined || rest.length > 0) throw malformed("want: quorum <name>|none");
    if (this.#quorum !== undefined) throw malformed("a second quorum line");
    if (name !== NO_QUORUM && !this.#isFree.has(name))
      throw malformed(`unknown name ${JSON.stringify(name)}`);
    this.#quorum = name;
  }

  #define(name: string): void {
    if (name === NO_QUORUM) throw malformed(`the name ${NO_QUORUM} is reserved`);
    if (this.#isFree.has(name)) throw malformed(`the name ${JSON.stringify(name)} is taken`);
    this.#isFree.set(name, true);
  }

  #useAsMember(name: string): void {
    const isUnused = this.#isFree.get(name);
    if (isUnused === undefined) throw malformed(`unknown name ${JSON.stringify(name)}`);
    if (!isUnused) throw malformed(`${JSON.stringify(name)} is already a member of a group`);
    this.#isFree.set(name, false);
  }

  // Duplicate means the same underlying key, whatever its name, ID or type.  tlog-policy, public key representation
  #uniqueKey(role: string, vkey: string, types: readonly KeyType[]): VerifierKey {
    const key = parseVerifierKey(decodeUtf8(fromOctets(vkey)));
    assertKeyType(role, key, types);
    const label = `${role} ${encodeHex(key.publicKey)}`;
    if (this.#keys.has(label)) throw malformed(`a second ${role} with this public key`);
    this.#keys.add(label);
    return key;
  }
}

function assertKeyType(role: string, { type }: VerifierKey, types: readonly KeyType[]): void {
  if (types.includes(type)) return;
  throw new TlogError(
    "KEY_TYPE_UNSUPPORTED",
    `want a ${role} key of type ${types.join(" or ")}, got ${type}`,
  );
}

/** How many members must have witnessed. */
export function thresholdOf(threshold: PolicyGroup["threshold"], memberCount: number): number {
  if (threshold === "all") return memberCount;
  return threshold === "any" ? 1 : threshold;
}

// A last line without its newline is refused: "quorum group12" cut short may still be a policy, and a weaker one.
function splitLines(policy: Uint8Array | string): readonly string[] {
  const bytes = typeof policy === "string" ? encodeUtf8(policy) : policy;
  if (bytes.length > MAX_POLICY_BYTES)
    throw malformed(`want at most ${MAX_POLICY_BYTES} bytes, got ${bytes.length}`);
  const lines = toOctets(bytes).split("\n");
  if (lines.length > MAX_POLICY_LINES)
    throw malformed(`want at most ${MAX_POLICY_LINES} lines, got ${lines.length}`);
  const stray = lines.findIndex((line) => /[^\t\x20-\x7e\x80-\xff]/.test(line));
  if (stray >= 0) throw malformed(`line ${stray + 1}: want no control character but tab and newline`);
  if (lines.pop() !== "")
    throw malformed(`line ${lines.length + 1}: the last line does not end with a newline`);
  return lines;
}

function toOctets(bytes: Uint8Array): string {
  let octets = "";
  for (const byte of bytes) octets += String.fromCharCode(byte);
  return octets;
}

function fromOctets(octets: string): Uint8Array {
  return Uint8Array.from(octets, (octet) => octet.charCodeAt(0));
}

function malformed(reason: string): TlogError {
  return new TlogError("POLICY_MALFORMED", reason);
}
