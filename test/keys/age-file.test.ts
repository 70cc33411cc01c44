import { describe, expect, it } from "vitest";
import { decryptAge, encryptAge, isAgeFile } from "../../src/keys/age-file.ts";
import { decodeBase64, decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { expectCodeAsync } from "../expect-code.ts";

const PLAINTEXT = encodeUtf8("PRIVATE+KEY+example.com/log+00000000+AAAA\n");
/** Made by npm's age-encryption 0.3.1: the text above, the passphrase "correct horse", work factor 10. */
const OTHERS = decodeBase64(
  "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBRNkEwWDQ2SjM4Z3ZwOW1Nd0p2MlZ3IDEwCkNpcGxKYWwyT2dHVDlGOE8xUDQ2dzk3T1NtMEZ0Ti9wYm5iMkFTNWhGTEkKLS0tIHdIMDFEN3dkWU1BejdIeE5US2tuK2lTa0tKTURQSVdDcG41VE5XTGtTcVkKCWEe5l//tFWWf74vAUbT1X0rYCy4mbVvh9vyEXcHaZE9HGYNKrCkIvCgICNbnm7CbC45U0ycW8MeMMU4kQfnibr3+5C6MPQp5rc=",
);
const CHEAP = { passphrase: "correct horse", workFactor: 2 };

describe("age files", () => {
  it("are read that others made", async () => {
    expect(isAgeFile(OTHERS)).toBe(true);
    expect(await decryptAge(OTHERS, { passphrase: "correct horse" })).toEqual(PLAINTEXT);
  });

  it("are text, and come back", async () => {
    const file = await encryptAge(PLAINTEXT, CHEAP);
    expect(isAgeFile(file)).toBe(true);
    expect(decodeUtf8(file)).toMatch(
      /^-----BEGIN AGE ENCRYPTED FILE-----\n([A-Za-z0-9+/=]{64}\n)*[A-Za-z0-9+/=]{1,64}\n-----END AGE ENCRYPTED FILE-----\n$/,
    );
    expect(await decryptAge(file, CHEAP)).toEqual(PLAINTEXT);
    expect(await encryptAge(PLAINTEXT, CHEAP)).not.toEqual(file);
  });

  it("do not open with another passphrase", async () => {
    await expectCodeAsync(decryptAge(OTHERS, { passphrase: "Correct horse" }), "PASSPHRASE_WRONG");
  });

  it("are refused wherever one bit of them is another", async () => {
    for (let at = 0; at < OTHERS.length; at += 3) {
      const changed = OTHERS.map((byte, index) => (index === at ? byte ^ 1 : byte));
      const opened = decryptAge(changed, { passphrase: "correct horse" }).catch((error: unknown) => error);
      expect(await opened).toMatchObject({
        code: expect.stringMatching(/^(KEY_FILE_MALFORMED|PASSPHRASE_WRONG)$/),
      });
    }
  });

  it.each([
    ["are cut off", OTHERS.subarray(0, -1)],
    ["go on after their end", Uint8Array.from([...OTHERS, 0])],
    ["have no payload", OTHERS.subarray(0, OTHERS.indexOf(0x2d, 120))],
    ["want more work than a start has time for", encodeUtf8(decodeLatin1(OTHERS).replace(" 10\n", " 21\n"))],
    ["want no work", encodeUtf8(decodeLatin1(OTHERS).replace(" 10\n", " 0\n"))],
    [
      "are for a key, not for a passphrase",
      encodeUtf8(decodeLatin1(OTHERS).replace("-> scrypt", "-> X25519")),
    ],
    ["have armor without an end", encodeUtf8("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n")],
    [
      "have armor of short lines",
      encodeUtf8("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\nYWdl\n-----END AGE ENCRYPTED FILE-----\n"),
    ],
  ])("are refused when they %s", async (_what, file) => {
    const error = await expectCodeAsync(
      decryptAge(file, { passphrase: "correct horse" }),
      "KEY_FILE_MALFORMED",
    );
    expect(error.message).not.toContain("PRIVATE");
  });
});

function decodeLatin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
