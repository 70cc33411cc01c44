import { describe, expect, it } from "vitest";
import { RemoteRefusedError } from "../../client/errors.ts";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { InvariantError, TlogError } from "../../src/errors.ts";

describe("exit codes", () => {
  it.each([
    [1, "PROOF_INVALID"],
    [1, "RECEIPT_MALFORMED"],
    [1, "QUORUM_NOT_MET"],
    [1, "LOG_FORKED"],
    [2, "USAGE"],
    [2, "VKEY_MALFORMED"],
    [2, "POLICY_MALFORMED"],
    [2, "STORE_LOCKED"],
    [2, "GUARD_AHEAD"],
    [3, "INCOMPLETE"],
    [3, "NOT_PUBLISHED"],
    [4, "REMOTE_UNREACHABLE"],
    [4, "REMOTE_TIMEOUT"],
  ] as const)("gives %i for %s", (exitCode, code) => {
    expect(exitCodeOf(new TlogError(code, ""))).toBe(exitCode);
  });

  it("gives 70 for a bug, so that it does not pass for a verdict", () => {
    expect(exitCodeOf(new InvariantError("x"))).toBe(70);
    expect(exitCodeOf(new TypeError("x"))).toBe(70);
    expect(exitCodeOf("x")).toBe(70);
  });

  it.each([
    [2, 401, "TOKEN_MISSING"],
    [2, 403, undefined],
    [2, 413, "BODY_TOO_LARGE"],
    [3, 429, "POOL_FULL"],
    [3, 404, "ENTRY_UNKNOWN"],
    [4, 500, "INTERNAL"],
    [4, 404, undefined],
    [4, 500, "NO_SUCH_CODE"],
    [4, 400, "constructor"],
    [3, 503, "STORE_CLOSED"],
    [4, 500, "STORE_DAMAGED"],
    [4, 500, "USAGE"],
  ])("gives %i when the log refuses with %i %s", (exitCode, status, problemCode) => {
    expect(exitCodeOf(new RemoteRefusedError({ message: "", status, problemCode }))).toBe(exitCode);
  });

  it("never lets a log say that something failed to verify", () => {
    expect(
      exitCodeOf(new RemoteRefusedError({ message: "", status: 400, problemCode: "PROOF_INVALID" })),
    ).toBe(4);
  });
});
