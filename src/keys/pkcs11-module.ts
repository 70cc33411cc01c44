/** The part of npm's pkcs11js that signs. It is not a dependency: whoever has a token installs it beside this package. PKCS #11 v3.1 */
import { createRequire } from "node:module";
import { TlogError } from "../errors.ts";

/** A session, an object or a slot. */
export type Handle = Uint8Array;

export interface Attribute {
  readonly type: number;
  readonly value?: number | string | boolean | Uint8Array;
}

export interface TokenInfo {
  readonly label: string;
  readonly manufacturerID: string;
  readonly model: string;
  readonly serialNumber: string;
  readonly flags: number;
}

export interface Pkcs11 {
  load(path: string): void;
  C_Initialize(): void;
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): TokenInfo;
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_Login(session: Handle, userType: number, pin: string): void;
  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void;
  C_FindObjects(session: Handle, most: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(
    session: Handle,
    object: Handle,
    template: readonly Attribute[],
  ): readonly { value: Uint8Array }[];
  C_GenerateKeyPair(
    session: Handle,
    mechanism: { readonly mechanism: number },
    publicTemplate: readonly Attribute[],
    privateTemplate: readonly Attribute[],
  ): unknown;
  C_SignInit(session: Handle, mechanism: { readonly mechanism: number }, key: Handle): void;
  C_Sign(session: Handle, data: Uint8Array, signature: Uint8Array): Uint8Array;
}

const PACKAGE = "pkcs11js";

/** @throws {TlogError} CONFIG_INVALID: it is not installed, or not of this kind */
export function loadPkcs11(): Pkcs11 {
  let found: unknown;
  try {
    found = createRequire(import.meta.url)(PACKAGE);
  } catch (cause) {
    throw new TlogError(
      "CONFIG_INVALID",
      `pkcs11: wants the package ${PACKAGE} beside this one; run: npm install ${PACKAGE}@2.1.7 (with --global if bristlecone is)`,
      { cause },
    );
  }
  if (!isPackage(found)) throw new TlogError("CONFIG_INVALID", `pkcs11: ${PACKAGE} is not of version 2`);
  return new found.PKCS11();
}

function isPackage(found: unknown): found is { readonly PKCS11: new () => Pkcs11 } {
  return (
    typeof found === "object" && found !== null && "PKCS11" in found && typeof found.PKCS11 === "function"
  );
}
