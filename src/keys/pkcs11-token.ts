/** A key in a token, through the module of whoever made it. Every call here may block, crash or lie: it runs in a process of its own. */
import { type ErrorCode, TlogError } from "../errors.ts";
import { messageOf } from "../node/errno.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import type { Attribute, Handle, Pkcs11, TokenInfo } from "./pkcs11-module.ts";
import type { Pkcs11Match } from "./pkcs11-uri.ts";

// PKCS #11 v3.1, appendix C, and §6.3 for Edwards curves.
const CKF_RW_SESSION = 2;
const CKF_SERIAL_SESSION = 4;
const CKF_LOGIN_REQUIRED = 0x4;
const CKF_USER_PIN_FINAL_TRY = 0x20000;
const CKF_USER_PIN_LOCKED = 0x40000;
const CKU_USER = 1;
const CKO_PUBLIC_KEY = 2;
const CKO_PRIVATE_KEY = 3;
const CKA_CLASS = 0;
const CKA_TOKEN = 1;
const CKA_PRIVATE = 2;
const CKA_LABEL = 3;
const CKA_KEY_TYPE = 0x100;
const CKA_ID = 0x102;
const CKA_SENSITIVE = 0x103;
const CKA_SIGN = 0x108;
const CKA_VERIFY = 0x10a;
const CKA_EXTRACTABLE = 0x162;
const CKA_EC_PARAMS = 0x180;
const CKA_EC_POINT = 0x181;
const CKK_EC_EDWARDS = 0x40;
const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055;
const CKM_EDDSA = 0x1057;
/** PrintableString "edwards25519", as SoftHSM and OpenSC have it. */
const EDWARDS25519 = Uint8Array.from([0x13, 12, ...new TextEncoder().encode("edwards25519")]);
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Errors of C_Login after which another try would do harm. */
const PIN_ERRORS = /CKR_PIN_(INCORRECT|INVALID|LEN_RANGE|EXPIRED|LOCKED)/;

/** A key that is there. */
export interface TokenKey {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** That a PIN is wanted, and none was tried. */
export const PIN_WANTED = Symbol("PIN wanted");

export interface TokenOptions {
  readonly modulePath: string;
  readonly match: Pkcs11Match;
  readonly pin: string | undefined;
  readonly isNew: boolean;
}

/**
 * @throws {TlogError} CONFIG_INVALID (several fit) | KEY_UNKNOWN (none does) | KEY_TYPE_UNSUPPORTED | KEY_FILE_EXISTS (of a new one) |
 *   PASSPHRASE_WRONG | SIGNER_FAILED (all else)
 */
export function openTokenKey(module: Pkcs11, options: TokenOptions): TokenKey | typeof PIN_WANTED {
  const { modulePath, match, pin, isNew } = options;
  attempt(`loading ${modulePath}`, () => module.load(modulePath));
  attempt("C_Initialize", () => module.C_Initialize());
  const { slot, info } = findToken(module, match);
  const isLoginWanted = has(info.flags, CKF_LOGIN_REQUIRED);
  if (isLoginWanted && pin === undefined) return PIN_WANTED;
  const flags = CKF_SERIAL_SESSION + (isNew ? CKF_RW_SESSION : 0);
  const session = attempt("C_OpenSession", () => module.C_OpenSession(slot, flags));
  if (isLoginWanted && pin !== undefined) logIn(module, session, { info, pin });
  if (isNew) makeKey(module, session, match);
  return keyIn(module, session, match);
}

function findToken(module: Pkcs11, match: Pkcs11Match) {
  const slots = attempt("C_GetSlotList", () => module.C_GetSlotList(true));
  const tokens = slots.map((slot) => ({
    slot,
    info: attempt("C_GetTokenInfo", () => module.C_GetTokenInfo(slot)),
  }));
  const fitting = tokens.filter(({ slot, info }) => isToken(slot, info, match));
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  const labels = tokens.map(({ info }) => JSON.stringify(info.label.trim())).join(", ");
  if (only === undefined)
    throw new TlogError("KEY_UNKNOWN", `pkcs11: no token fits; there are: ${labels || "none"}`);
  throw new TlogError(
    "CONFIG_INVALID",
    `pkcs11: several tokens fit, say token= or serial=; there are: ${labels}`,
  );
}

function isToken(slot: Handle, info: TokenInfo, match: Pkcs11Match): boolean {
  const isSame = (got: string, wanted: string | undefined) =>
    wanted === undefined || got.trim() === wanted.trim();
  return (
    isSame(info.label, match.token) &&
    isSame(info.manufacturerID, match.manufacturer) &&
    isSame(info.model, match.model) &&
    isSame(info.serialNumber, match.serial) &&
    (match.slotId === undefined || slotNumber(slot) === match.slotId)
  );
}

/** Handles are numbers of the machine's own order and width: little-endian wherever this runs. */
function slotNumber(slot: Handle): number {
  return slot.reduceRight((number, byte) => number * 256 + byte, 0);
}

function logIn(
  module: Pkcs11,
  session: Handle,
  { info, pin }: { readonly info: TokenInfo; readonly pin: string },
): void {
  if (has(info.flags, CKF_USER_PIN_LOCKED))
    throw new TlogError("PASSPHRASE_WRONG", "pkcs11: the token's PIN is locked");
  if (has(info.flags, CKF_USER_PIN_FINAL_TRY)) {
    throw new TlogError(
      "PASSPHRASE_WRONG",
      "pkcs11: one more wrong PIN would lock the token, so none is tried; log in once by hand (pkcs11-tool --login --test)",
    );
  }
  try {
    module.C_Login(session, CKU_USER, pin);
  } catch (error) {
    const message = messageOf(error);
    if (message.startsWith("CKR_USER_ALREADY_LOGGED_IN")) return;
    if (PIN_ERRORS.test(message))
      throw new TlogError("PASSPHRASE_WRONG", `pkcs11: the token refuses the PIN (${message})`);
    throw new TlogError("SIGNER_FAILED", `pkcs11: C_Login failed (${message})`);
  }
}

function keyIn(module: Pkcs11, session: Handle, match: Pkcs11Match): TokenKey {
  const found = findObjects(module, session, [{ type: CKA_CLASS, value: CKO_PRIVATE_KEY }, ...named(match)]);
  const [key] = found;
  if (key === undefined) throw new TlogError("KEY_UNKNOWN", "pkcs11: the token has no private key that fits");
  if (found.length > 1) {
    throw new TlogError("CONFIG_INVALID", "pkcs11: several private keys fit; say both object= and id=");
  }
  const [id, type] = read(module, session, { object: key, types: [CKA_ID, CKA_KEY_TYPE] });
  if (type === undefined || slotNumber(type) !== CKK_EC_EDWARDS) throw notEd25519();
  return {
    publicKey: publicKeyOf(module, session, id),
    sign: (message) => {
      attempt("C_SignInit", () => module.C_SignInit(session, { mechanism: CKM_EDDSA }, key));
      const room = Buffer.alloc(SIGNATURE_BYTES);
      return Uint8Array.from(attempt("C_Sign", () => module.C_Sign(session, Buffer.from(message), room)));
    },
  };
}

/** Of the public key that has the private one's ID, as PKCS #11 wants pairs to have. */
function publicKeyOf(module: Pkcs11, session: Handle, id: Uint8Array | undefined): Uint8Array {
  const wanted = [
    { type: CKA_CLASS, value: CKO_PUBLIC_KEY },
    { type: CKA_KEY_TYPE, value: CKK_EC_EDWARDS },
    ...(id === undefined ? [] : [{ type: CKA_ID, value: Buffer.from(id) }]),
  ];
  const points = findObjects(module, session, wanted).flatMap((object) =>
    read(module, session, { object, types: [CKA_EC_POINT] }),
  );
  const [point] = points;
  if (point === undefined || !points.every((other) => bytesEqual(other, point))) {
    throw new TlogError(
      "KEY_UNKNOWN",
      "pkcs11: want one public key with the ID of the private one in the token",
    );
  }
  // DER: an OCTET STRING of 32 bytes; some modules leave that out.
  const raw =
    point.length === PUBLIC_KEY_BYTES + 2 && point[0] === 4 && point[1] === 32 ? point.subarray(2) : point;
  if (raw.length === PUBLIC_KEY_BYTES) return Uint8Array.from(raw);
  throw notEd25519();
}

/** Signs, and never leaves the token. */
function makeKey(module: Pkcs11, session: Handle, match: Pkcs11Match): void {
  if (findObjects(module, session, named(match)).length > 0) {
    throw new TlogError(
      "KEY_FILE_EXISTS",
      "pkcs11: the token has something of this name already; a key is never overwritten",
    );
  }
  const label = match.object === undefined ? [] : [{ type: CKA_LABEL, value: match.object }];
  const id = match.id ?? crypto.getRandomValues(new Uint8Array(8));
  const both = [{ type: CKA_TOKEN, value: true }, ...label, { type: CKA_ID, value: Buffer.from(id) }];
  const publicTemplate = [
    ...both,
    { type: CKA_EC_PARAMS, value: Buffer.from(EDWARDS25519) },
    { type: CKA_VERIFY, value: true },
  ];
  const privateTemplate = [
    ...both,
    { type: CKA_PRIVATE, value: true },
    { type: CKA_SENSITIVE, value: true },
    { type: CKA_EXTRACTABLE, value: false },
    { type: CKA_SIGN, value: true },
  ];
  const mechanism = { mechanism: CKM_EC_EDWARDS_KEY_PAIR_GEN };
  attempt("C_GenerateKeyPair", () =>
    module.C_GenerateKeyPair(session, mechanism, publicTemplate, privateTemplate),
  );
}

function named({ object, id }: Pkcs11Match): readonly Attribute[] {
  return [
    ...(object === undefined ? [] : [{ type: CKA_LABEL, value: object }]),
    ...(id === undefined ? [] : [{ type: CKA_ID, value: Buffer.from(id) }]),
  ];
}

/** At most a few: more than one is a mistake already. */
function findObjects(module: Pkcs11, session: Handle, template: readonly Attribute[]): readonly Handle[] {
  attempt("C_FindObjectsInit", () => module.C_FindObjectsInit(session, template));
  try {
    return attempt("C_FindObjects", () => module.C_FindObjects(session, 8));
  } finally {
    attempt("C_FindObjectsFinal", () => module.C_FindObjectsFinal(session));
  }
}

function read(
  module: Pkcs11,
  session: Handle,
  { object, types }: { readonly object: Handle; readonly types: readonly number[] },
): readonly Uint8Array[] {
  const template = types.map((type) => ({ type }));
  return attempt("C_GetAttributeValue", () => module.C_GetAttributeValue(session, object, template)).map(
    ({ value }) => value,
  );
}

function notEd25519(): TlogError {
  return new TlogError("KEY_TYPE_UNSUPPORTED", "pkcs11: want an Ed25519 key (CKK_EC_EDWARDS, edwards25519)");
}

function has(flags: number, flag: number): boolean {
  return Math.floor(flags / flag) % 2 === 1;
}

function attempt<T>(call: string, work: () => T, code: ErrorCode = "SIGNER_FAILED"): T {
  try {
    return work();
  } catch (error) {
    throw new TlogError(code, `pkcs11: ${call} failed (${messageOf(error).split("\n")[0]})`, {
      cause: error,
    });
  }
}
