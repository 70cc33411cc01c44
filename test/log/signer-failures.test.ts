import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { SignerFailures } from "../../src/log/signer-failures.ts";

const FAILED = new TlogError("SIGNER_FAILED", "the token is gone");

describe("failures of a signer", () => {
  it("are asked about again after a second, then more rarely, and at least every 15 seconds", () => {
    let now = 0;
    const failures = new SignerFailures(() => now);
    const waits = [1, 2, 3, 4, 5, 6].map(() => {
      failures.failed(FAILED);
      const waitMs = failures.retryAt - now;
      now = failures.retryAt;
      return waitMs;
    });
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    failures.signed();
    failures.failed(FAILED);
    expect(failures.retryAt - now).toBe(1_000);
  });

  it("turn entries away after a minute without a signature, until there is one", () => {
    let now = 1_000;
    const failures = new SignerFailures(() => now);
    expect(failures.signed()).toBeUndefined();
    failures.failed(FAILED);
    now += 59_999;
    failures.failed(FAILED);
    expect(failures.refusal).toBeUndefined();
    now += 1;
    expect(failures.refusal).toMatchObject({
      code: "SIGNER_FAILED",
      message: expect.stringContaining("the token is gone"),
    });
    expect(failures.signed()).toBe(60_000);
    expect(failures.refusal).toBeUndefined();
    now += 100_000;
    failures.failed(FAILED);
    expect(failures.refusal).toBeUndefined();
  });
});
