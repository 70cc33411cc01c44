/** What a report must not show, for it is pasted into tickets: what stands where a password, a PIN or a token belongs. */

/** What a PKCS #11 URI says of a key, and where the PIN is. RFC 7512 §2.3, §2.4; keys/pkcs11-uri.ts */
const PKCS11_SHOWN =
  "(?:token|manufacturer|model|serial|slot-id|object|id|type|module-path)=|pin-source=(?:\\/|file:)";
/** Any other attribute: of one that is misspelled nobody knows what it holds. */
const PKCS11_HIDDEN = new RegExp(`([:;?&])(?!${PKCS11_SHOWN})([^\\s=:;?&'"]+=)[^;?&'"]*`, "gi");

/** A text in which URLs have neither credentials nor a query, and PKCS #11 URIs no attribute but those that name a key. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/\b(https?:\/\/)\S*@/gi, "$1…@")
    .replace(/\b(https?:\/\/[^\s?#]*)[?#]\S*/gi, "$1?…")
    .replace(/\bpkcs11:.*/gis, (uri) => uri.replace(PKCS11_HIDDEN, "$1$2…"));
}
