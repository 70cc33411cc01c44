/**
 * What an entry looks like: text, JSON, and formats that many logs hold. Nobody vouches for any of this: a log commits to bytes, and
 * whoever wrote them chose what they look like.
 */

/** A line of a table about an entry. */
export interface Fact {
  readonly name: string;
  readonly value: string;
}

export interface EntryFormat {
  /** For people: "JSON", "DSSE envelope, in-toto". */
  readonly label: string;
  /** Set when the bytes are text that can be shown as it is. */
  readonly text?: string;
  /** The same with indentation, or what an envelope holds. */
  readonly pretty?: string;
  readonly facts: readonly Fact[];
}

/** Never throws: what is nothing known is text or bytes. */
export function formatOf(entry: Uint8Array): EntryFormat {
  if (entry.length === 0) return { label: "empty", text: "", facts: [] };
  const text = readableText(entry);
  if (text === undefined) return { label: magicOf(entry) ?? "binary", facts: [] };
  const known = noteFormat(text) ?? pemFormat(text) ?? jwtFormat(text) ?? goSumFormat(text);
  return known ?? jsonFormat(text) ?? { label: "text", text, facts: [] };
}

/** UTF-8 without control characters but tab and line ends. */
function readableText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return /[^\P{Cc}\t\n\r]/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

const MAGIC: readonly (readonly [string, string])[] = [
  ["1f8b", "gzip"],
  ["28b52ffd", "zstd"],
  ["504b0304", "ZIP archive"],
  ["25504446", "PDF"],
  ["89504e47", "PNG image"],
  ["ffd8ff", "JPEG image"],
  ["7f454c46", "ELF program"],
  ["d284", "COSE_Sign1 (CBOR)"],
  ["d28443", "COSE_Sign1 (CBOR)"],
  ["3082", "DER, such as an X.509 certificate"],
  ["d9d9f7", "CBOR"],
];

function magicOf(bytes: Uint8Array): string | undefined {
  const start = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return MAGIC.find(([magic]) => start.startsWith(magic))?.[1];
}

function jsonFormat(text: string): EntryFormat | undefined {
  const value = jsonIn(text);
  if (typeof value !== "object" || value === null) return undefined;
  const envelope = dsseFormat(text, value);
  if (envelope !== undefined) return envelope;
  const label = labelOfJson(value);
  const facts = Object.entries(value).flatMap(([name, field]) =>
    FACT_FIELDS.has(name) && typeof field !== "object" ? [{ name, value: `${field}` }] : [],
  );
  return { label, text, pretty: JSON.stringify(value, undefined, 2), facts };
}

const FACT_FIELDS = new Set([
  "kind",
  "apiVersion",
  "_type",
  "type",
  "specversion",
  "id",
  "source",
  "time",
  "predicateType",
]);

function labelOfJson(value: object): string {
  if ("apiVersion" in value && "kind" in value && "spec" in value) return "Rekor entry (JSON)";
  if ("_type" in value && "predicateType" in value) return "in-toto statement (JSON)";
  if ("specversion" in value && "source" in value) return "CloudEvent (JSON)";
  return Array.isArray(value) ? "JSON array" : "JSON";
}

/** DSSE: { payloadType, payload (base64), signatures }.  secure-systems-lab/dsse, envelope.md */
function dsseFormat(text: string, value: object): EntryFormat | undefined {
  if (!("payloadType" in value) || !("payload" in value) || !("signatures" in value)) return undefined;
  const { payloadType, payload, signatures } = value;
  if (typeof payloadType !== "string" || typeof payload !== "string" || !Array.isArray(signatures))
    return undefined;
  const inside = base64Text(payload);
  const statement = inside === undefined ? undefined : jsonIn(inside);
  const facts = [
    { name: "payload type", value: payloadType },
    { name: "signatures", value: `${signatures.length}, not verified here` },
  ];
  const pretty = statement === undefined ? inside : JSON.stringify(statement, undefined, 2);
  const kind = payloadType.includes("in-toto") ? ", in-toto" : "";
  return { label: `DSSE envelope${kind}`, text, ...(pretty === undefined ? {} : { pretty }), facts };
}

/** c2sp.org/signed-note, and checkpoints and receipts made of it. */
function noteFormat(text: string): EntryFormat | undefined {
  if (text.startsWith("c2sp.org/tlog-proof@v1\n")) return { label: "tlog-proof receipt", text, facts: [] };
  const split = text.lastIndexOf("\n\n");
  const lines = text.slice(split + 2).split("\n");
  if (split < 0 || lines.pop() !== "" || lines.length === 0) return undefined;
  if (!lines.every((line) => /^— \S+ [A-Za-z0-9+/]+=*$/.test(line))) return undefined;
  const [origin = "", size = "", root = ""] = text.slice(0, split).split("\n");
  const signers = { name: "signed by", value: lines.map((line) => line.split(" ")[1]).join(", ") };
  const isCheckpoint = /^\d+$/.test(size) && /^[A-Za-z0-9+/]{43}=$/.test(root);
  if (!isCheckpoint) return { label: "signed note", text, facts: [signers] };
  const facts = [
    { name: "origin", value: origin },
    { name: "tree size", value: size },
    { name: "root hash", value: root },
    signers,
  ];
  return { label: "checkpoint of a log", text, facts };
}

function pemFormat(text: string): EntryFormat | undefined {
  const blocks = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]{1,60})-----$/gm)].map(([, type = ""]) => type);
  if (blocks.length === 0) return undefined;
  return { label: `PEM: ${[...new Set(blocks)].join(", ").toLowerCase()}`, text, facts: [] };
}

/** RFC 7515 §7.1: three base64url parts, the first a JSON object with "alg". */
function jwtFormat(text: string): EntryFormat | undefined {
  const [head, body] = /^(eyJ[\w-]+)\.([\w-]*)\.[\w-]*\s*$/.exec(text)?.slice(1) ?? [];
  if (head === undefined || body === undefined) return undefined;
  const header = jsonIn(base64Text(head) ?? "");
  if (typeof header !== "object" || header === null || !("alg" in header)) return undefined;
  const claims = jsonIn(base64Text(body) ?? "");
  const pretty = JSON.stringify({ header, claims }, undefined, 2);
  return {
    label: "JWT",
    text,
    pretty,
    facts: [{ name: "signature", value: `${header.alg}, not verified here` }],
  };
}

/** Lines of Go's checksum database: "module version h1:…".  go.dev/ref/mod#checksum-database */
function goSumFormat(text: string): EntryFormat | undefined {
  const lines = text.trimEnd().split("\n");
  if (!lines.every((line) => /^\S+ v\S+ h1:[A-Za-z0-9+/]{43}=$/.test(line))) return undefined;
  const [module = "", version = ""] = lines[0]?.split(" ") ?? [];
  const facts = [
    { name: "module", value: module },
    { name: "version", value: version.replace(/\/go\.mod$/, "") },
  ];
  return { label: "Go checksum database record", text, facts };
}

/** Deeper than anybody reads: its indentation alone would be many times the entry. */
const MAX_DEPTH = 64;

function jsonIn(text: string): unknown {
  try {
    return isDeep(text) ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Counts brackets in strings too: then it is shown as the text it is. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (const bracket of text.match(/[[\]{}]/g) ?? []) {
    depth += bracket === "[" || bracket === "{" ? 1 : -1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

/** Base64, also of the URL kind, that holds readable text. */
function base64Text(base64: string): string | undefined {
  try {
    const binary = atob(base64.replace(/-/g, "+").replace(/_/g, "/"));
    return readableText(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}
