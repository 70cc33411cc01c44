import { describe, expect, it } from "vitest";
import { parsePkcs11Uri } from "../../src/keys/pkcs11-uri.ts";
import { expectCode } from "../expect-code.ts";

const MODULE = "module-path=/usr/lib/softhsm/libsofthsm2.so";

describe("pkcs11: URIs", () => {
  it("name a token, a key and the way to them", () => {
    const uri = parsePkcs11Uri(
      `pkcs11:token=My%20log;serial=3c77;slot-id=7;object=2026;id=%01%ff;type=private?${MODULE}&pin-source=file:/etc/pin`,
    );
    expect(uri).toEqual({
      match: {
        token: "My log",
        manufacturer: undefined,
        model: undefined,
        serial: "3c77",
        slotId: 7,
        object: "2026",
        id: Uint8Array.of(1, 255),
      },
      modulePath: "/usr/lib/softhsm/libsofthsm2.so",
      pinFile: "/etc/pin",
    });
    expect(parsePkcs11Uri(`pkcs11:object=a?${MODULE}&pin-source=/etc/p%20n`).pinFile).toBe("/etc/p n");
    expect(parsePkcs11Uri(`pkcs11:object=a?${MODULE}`).pinFile).toBeUndefined();
  });

  it.each([
    ["no module", "pkcs11:object=a"],
    ["a module of no place", "pkcs11:object=a?module-path=softhsm.so"],
    ["no key", `pkcs11:token=log?${MODULE}`],
    ["a public key", `pkcs11:object=a;type=public?${MODULE}`],
    ["what nobody looks at", `pkcs11:object=a;library-version=2?${MODULE}`],
    ["what belongs after the question mark", `pkcs11:object=a;${MODULE}`],
    ["an attribute twice", `pkcs11:object=a;object=b?${MODULE}`],
    ["an attribute without a value", `pkcs11:object=?${MODULE}`],
    ["a space", `pkcs11:object=a b?${MODULE}`],
    ["half an escape", `pkcs11:object=a%2?${MODULE}`],
    ["a label that is not UTF-8", `pkcs11:object=%ff?${MODULE}`],
    ["a slot that is no number", `pkcs11:object=a;slot-id=0x1?${MODULE}`],
    ["a program that says the PIN", `pkcs11:object=a?${MODULE}&pin-source=%7Ccat`],
    ["a PIN at a host", `pkcs11:object=a?${MODULE}&pin-source=file://host/pin`],
    ["too much", `pkcs11:object=${"a".repeat(5000)}?${MODULE}`],
  ])("are refused with %s", (_what, uri) => {
    expectCode(() => parsePkcs11Uri(uri), "CONFIG_INVALID");
  });

  it("are refused with a PIN in them, and the refusal does not show it", () => {
    const error = expectCode(
      () => parsePkcs11Uri(`pkcs11:object=a?${MODULE}&pin-value=5678`),
      "CONFIG_INVALID",
    );
    expect(error.message).toContain("pin-source");
    expect(error.message).not.toContain("5678");
  });
});
