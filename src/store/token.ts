/** The random names a store gives to itself and to its writers, and is given as its lineage. */
import { randomBytes } from "node:crypto";

/** 32 lowercase hex digits. */
export function randomToken(): string {
  return randomBytes(16).toString("hex");
}

export function isToken(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}
