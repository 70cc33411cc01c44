import { expect } from "vitest";
import { type ErrorCode, TlogError } from "../src/errors.ts";

/** Runs `action` and asserts that it throws a TlogError with `code`; returns the error for further checks. */
export function expectCode(action: () => unknown, code: ErrorCode): TlogError {
  try {
    action();
  } catch (error) {
    return assertCode(error, code);
  }
  return expect.unreachable(`wanted ${code}, nothing was thrown`);
}

/** Awaits `promise` and asserts that it rejects with a TlogError with `code`. */
export async function expectCodeAsync(promise: Promise<unknown>, code: ErrorCode): Promise<TlogError> {
  try {
    await promise;
  } catch (error) {
    return assertCode(error, code);
  }
  return expect.unreachable(`wanted ${code}, nothing was thrown`);
}

function assertCode(error: unknown, code: ErrorCode): TlogError {
  if (!(error instanceof TlogError)) throw error;
  expect(error.code).toBe(code);
  return error;
}
