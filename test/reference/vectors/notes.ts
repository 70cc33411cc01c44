import { hex } from "../merkle.ts";
import {
  base64,
  join,
  payloadOf,
  type ReferenceKey,
  referenceKey,
  signatureLine,
  signedNote,
  utf8,
} from "../notes.ts";
import type { VectorCase, VectorFile } from "./vector-file.ts";

const log = referenceKey("example.com/log", 1, 1);
const other = referenceKey("example.com/other", 1, 2);
const TEXT = "one\n\ntwo\n";
const GOOD = signedNote(TEXT, [[log]]);
const LINE = signatureLine(log, payloadOf(log, TEXT));

/** Keys as text, and notes. */
export function noteVectors(): readonly VectorFile[] {
  return [
    {
      name: "vkey",
      description:
        "Verifier keys, c2sp.org/signed-note: parse `vkey` into keyName, keyId (hex), type and publicKey (hex), and write it back. " +
        "`signingKey`, where there is one, is the private key's text, as Go's sumdb/note writes it; its seed is public here.",
      cases: [...goodKeys(), ...badKeys()],
    },
    {
      name: "note",
      description:
        "Signed notes, c2sp.org/signed-note: open `note` (or the bytes `noteHex`) with `vkeys`. A good one has the text `text` and the " +
        "keys `verified`, by name, in the order of its lines; each known key is checked on its first line only. A limit of 100 lines.",
      cases: [...goodNotes(), ...badNotes()],
    },
  ];
}

function goodKeys(): readonly VectorCase[] {
  const keys: Record<string, ReferenceKey> = {
    "Ed25519, type 0x01": log,
    "Ed25519 cosignatures, type 0x04": referenceKey("witness.example/w", 4, 3),
    "the same public key under another type has another ID": referenceKey("example.com/log", 4, 1),
    "ML-DSA-44, type 0x06": referenceKey("example.com/log", 6, 4),
    "a name outside ASCII": referenceKey("zeugnis.example/ä", 1, 5),
    "a name that is an OID": referenceKey("oid/1.3.6.1.4.1.44363.47.1", 4, 6),
  };
  return Object.entries(keys).map(([name, key]) => ({
    name,
    vkey: key.vkey,
    signingKey: key.signingKey,
    keyName: key.name,
    keyId: hex(key.keyId),
    type: key.type,
    publicKey: hex(key.publicKey),
  }));
}

function badKeys(): readonly VectorCase[] {
  const { vkey } = log;
  const id = hex(log.keyId);
  const withBytes = (bytes: Uint8Array) => `example.com/log+${id}+${base64(bytes)}`;
  const malformed: Record<string, string> = {
    "no bytes": "",
    "no key ID": "example.com/log",
    "no key": `example.com/log+${id}`,
    "an empty key": `example.com/log+${id}+`,
    "an empty name": vkey.replace("example.com/log", ""),
    "a space in the name": vkey.replace("/log", "/ log"),
    "a no-break space in the name": vkey.replace("/log", "/\u00a0log"),
    "a key ID in capitals": vkey.replace(id, id.toUpperCase()),
    "a key ID of 7 digits": vkey.replace(id, id.slice(1)),
    "the key ID of another name": vkey.replace("example.com/log", "example.com/loh"),
    "base64 without padding that is due": withBytes(
      join(Uint8Array.of(1), log.publicKey.subarray(1)),
    ).replace("=", ""),
    "a key of 31 bytes": withBytes(join(Uint8Array.of(1), log.publicKey.subarray(1))),
    "a key of 33 bytes": withBytes(join(Uint8Array.of(1), log.publicKey, Uint8Array.of(0))),
    "a newline at the end": `${vkey}\n`,
    "a space in front": ` ${vkey}`,
  };
  const unsupported = [0, 2, 3, 5, 7, 255].map((type) => ({
    name: `type ${type}`,
    vkey: referenceKey("example.com/log", type, 1).vkey,
    error: "KEY_TYPE_UNSUPPORTED",
  }));
  return [
    ...Object.entries(malformed).map(([name, text]) => ({ name, vkey: text, error: "VKEY_MALFORMED" })),
    ...unsupported,
  ];
}

function goodNotes(): readonly VectorCase[] {
  const garbage = signatureLine(log, new Uint8Array(64));
  const wrongId = signatureLine({ ...log, keyId: Uint8Array.of(1, 2, 3, 4) }, new Uint8Array(64));
  const wrongName = signatureLine({ ...log, name: "example.com/x" }, new Uint8Array(64));
  const both = signedNote(TEXT, [[other], [log]]);
  const plain = (name: string, note: string, verified: readonly string[], text = TEXT) => {
    return { name, note, vkeys: [log.vkey, other.vkey], text, verified };
  };
  return [
    plain("one signature", GOOD, [log.name]),
    plain("two signatures", both, [other.name, log.name]),
    { ...plain("two signatures, one known", both, [log.name]), vkeys: [log.vkey] },
    plain("an unknown key", GOOD + signatureLine(referenceKey("unknown", 1, 9), new Uint8Array(64)), [
      log.name,
    ]),
    plain("a known name with an unknown ID", GOOD.replace(LINE, wrongId + LINE), [log.name]),
    plain("a known ID with an unknown name", GOOD.replace(LINE, wrongName + LINE), [log.name]),
    plain("the same line twice", GOOD + LINE, [log.name]),
    plain("a good line, then a bad one of the same key", GOOD + garbage, [log.name]),
    plain("100 lines", GOOD + LINE.repeat(99), [log.name]),
    plain(
      "16 signatures of 5,000 bytes",
      GOOD + signatureLine(referenceKey("big", 255, 9), new Uint8Array(5000)).repeat(16),
      [log.name],
    ),
    plain("padding bits that are not zero", respellPadding(GOOD), [log.name]),
    plain("a text of one empty line", signedNote("\n", [[log]]), [log.name], "\n"),
    plain(
      "a text with a line that looks like a signature",
      signedNote(`${TEXT}\n${LINE}`, [[log]]),
      [log.name],
      `${TEXT}\n${LINE}`,
    ),
    plain(
      "a byte order mark and U+0085",
      signedNote("\ufeff\u0085\n", [[log]]),
      [log.name],
      "\ufeff\u0085\n",
    ),
  ];
}

function badNotes(): readonly VectorCase[] {
  const vkeys = [log.vkey];
  const malformed: Record<string, string> = {
    "no bytes": "",
    "no signature": TEXT,
    "no signature after the empty line": `${TEXT}\n`,
    "no newline at the end": GOOD.slice(0, -1),
    "no text": LINE,
    "no empty line": `one\n${LINE}`,
    "an empty line at the end": `${GOOD}\n`,
    "a hyphen for the em dash": GOOD.replace("— ", "- "),
    "two spaces": GOOD.replace("/log ", "/log  "),
    "a carriage return": GOOD.replace("one\n", "one\r\n"),
    "a tab": GOOD.replace("one", "o\tne"),
    "a zero byte": GOOD.replace("one", "o\0ne"),
    "a plus in a key name": `${GOOD}${LINE.replace("/log", "/lo+g")}`,
    "a no-break space in a key name": `${GOOD}${LINE.replace("/log", "/lo\u00a0g")}`,
    "bad base64 in an unknown key's line": `${GOOD}— unknown ???=\n`,
    "base64 without its padding": `${GOOD}— unknown AAAAAAA\n`,
    "a key ID and no signature": `${GOOD}— unknown AAAAAA==\n`,
    "101 lines": GOOD + LINE.repeat(100),
  };
  const bytes: Record<string, Uint8Array> = {
    "a byte that is not UTF-8": join(utf8("o"), Uint8Array.of(0xff), utf8(`\n\n${LINE}`)),
    "an overlong newline": join(utf8("o"), Uint8Array.of(0xc0, 0x8a), utf8(`\n\n${LINE}`)),
    "a surrogate in UTF-8": join(utf8("o"), Uint8Array.of(0xed, 0xa0, 0x80), utf8(`\n\n${LINE}`)),
  };
  const garbage = signatureLine(log, new Uint8Array(64));
  return [
    ...Object.entries(malformed).map(([name, note]) => ({ name, note, vkeys, error: "NOTE_MALFORMED" })),
    ...Object.entries(bytes).map(([name, note]) => ({
      name,
      noteHex: hex(note),
      vkeys,
      error: "NOTE_MALFORMED",
    })),
    { name: "no known key", note: GOOD, vkeys: [other.vkey], error: "SIGNATURE_MISSING" },
    { name: "another text", note: GOOD.replace("two", "too"), vkeys, error: "SIGNATURE_INVALID" },
    {
      name: "a bad line, then a good one of the same key",
      note: GOOD.replace(LINE, garbage + LINE),
      vkeys,
      error: "SIGNATURE_INVALID",
    },
    {
      name: "a good line, then a bad one of another known key",
      note: GOOD + signatureLine(other, new Uint8Array(64)),
      vkeys: [log.vkey, other.vkey],
      error: "SIGNATURE_INVALID",
    },
  ];
}

// The character before "=" carries two bits that belong to no byte; its neighbour in the alphabet sets one of them.
function respellPadding(note: string): string {
  return note.replace(/.=\n$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=\n`);
}
