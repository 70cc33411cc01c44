/**
 * Which key of which token, and how the token is reached:
 *
 *     pkcs11:token=log;object=2026?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/bristlecone/pin
 *
 * Only what is used is taken: an attribute that nobody looks at would be believed to count. A pin-value is refused, for command
 * lines and environments are seen by others.  RFC 7512 §2.3, §2.4
 */
import { fileURLToPath } from "node:url";
import { TlogError } from "../errors.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";

/** What names a token, and a key in it; undefined: any. */
export interface Pkcs11Match {
  readonly token: string | undefined;
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly serial: string | undefined;
  readonly slotId: number | undefined;
  /** The key's label. */
  readonly object: string | undefined;
  readonly id: Uint8Array | undefined;
}

export interface Pkcs11Uri {
  readonly match: Pkcs11Match;
  /** The path of the module: a shared library of whoever made the token. */
  readonly modulePath: string;
  /** The path of a file with the PIN. */
  readonly pinFile: string | undefined;
}

const MAX_URI_CHARS = 4096;
const PATH_NAMES = ["token", "manufacturer", "model", "serial", "slot-id", "object", "id", "type"] as const;
const QUERY_NAMES = ["module-path", "pin-source"] as const;
/** RFC 7512 §2.3: pk11-pchar and pk11-qchar; what is not there is percent-encoded. */
const PATH_VALUE = /^(?:[A-Za-z0-9\-._~:[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})*$/;
const QUERY_VALUE = /^(?:[A-Za-z0-9\-._~:[\]@!$'()*+,=/?|]|%[0-9A-Fa-f]{2})*$/;

/** @throws {TlogError} CONFIG_INVALID; no message shows a value */
export function parsePkcs11Uri(uri: string): Pkcs11Uri {
  if (uri.length > MAX_URI_CHARS) throw malformed(`at most ${MAX_URI_CHARS} letters`);
  const [path = "", ...queries] = uri.slice("pkcs11:".length).split("?");
  const query = queries.join("?");
  const where = attributes(path, { names: PATH_NAMES, separator: ";", value: PATH_VALUE });
  const how = attributes(query, { names: QUERY_NAMES, separator: "&", value: QUERY_VALUE });
  const modulePath = textOf(how, "module-path");
  if (modulePath === undefined || !modulePath.startsWith("/")) {
    throw malformed("?module-path=/PATH/OF/MODULE.so, the library of whoever made the token");
  }
  const { object, id } = { object: textOf(where, "object"), id: where.get("id") };
  if (object === undefined && id === undefined) throw malformed("object=LABEL or id=%01 of the key");
  const type = textOf(where, "type");
  if (type !== undefined && type !== "private") throw malformed("type=private or no type");
  return {
    match: {
      token: textOf(where, "token"),
      manufacturer: textOf(where, "manufacturer"),
      model: textOf(where, "model"),
      serial: textOf(where, "serial"),
      slotId: slotOf(textOf(where, "slot-id")),
      object,
      id,
    },
    modulePath,
    pinFile: pinFileOf(textOf(how, "pin-source")),
  };
}

function attributes<Name extends string>(
  text: string,
  {
    names,
    separator,
    value: wanted,
  }: { readonly names: readonly Name[]; readonly separator: string; readonly value: RegExp },
): ReadonlyMap<Name, Uint8Array> {
  const found = new Map<Name, Uint8Array>();
  for (const attribute of text === "" ? [] : text.split(separator)) {
    const equals = attribute.indexOf("=");
    const spelled = attribute.slice(0, Math.max(equals, 0));
    if (spelled === "pin-value") {
      throw malformed("pin-source=file:/PATH of a file with the PIN, not the PIN itself: others see it here");
    }
    const name = names.find((known) => known === spelled);
    if (name === undefined)
      throw malformed(`attributes ${names.join(", ")}, before "?" or after it as they belong`);
    const value = attribute.slice(equals + 1);
    if (!wanted.test(value) || value === "") throw malformed(`a percent-encoded value of ${name}`);
    if (found.has(name)) throw malformed(`${name} once`);
    found.set(name, percentDecoded(value));
  }
  return found;
}

function percentDecoded(text: string): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "%") {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(text.charCodeAt(at));
  }
  return Uint8Array.from(bytes);
}

function textOf<Name extends string>(found: ReadonlyMap<Name, Uint8Array>, name: Name): string | undefined {
  const bytes = found.get(name);
  try {
    return bytes && decodeUtf8(bytes);
  } catch {
    throw malformed(`a value of ${name} in UTF-8`);
  }
}

function slotOf(text: string | undefined): number | undefined {
  if (text === undefined || /^(0|[1-9][0-9]{0,14})$/.test(text))
    return text === undefined ? undefined : Number(text);
  throw malformed("a decimal slot-id");
}

/** RFC 7512 §2.4: a path or a file: URI; a program to run, "|…", is not taken. */
function pinFileOf(source: string | undefined): string | undefined {
  if (source === undefined || source.startsWith("/")) return source;
  try {
    if (source.startsWith("file:")) return fileURLToPath(source);
  } catch {
    // Said below.
  }
  throw malformed("pin-source=/PATH or pin-source=file:/PATH");
}

function malformed(wanted: string): TlogError {
  return new TlogError("CONFIG_INVALID", `pkcs11: want ${wanted}`);
}
