import { describe, expect, it } from "vitest";
import { type CheckResult, ok, Sheet } from "../../src/doctor/check.ts";
import { judgeClocks } from "../../src/doctor/clock.ts";
import { withoutSecrets } from "../../src/doctor/hidden.ts";
import { judgeFiles, parseLimits } from "../../src/doctor/process-limits.ts";
import { inBytes, inTime } from "../../src/doctor/words.ts";
import { TlogError } from "../../src/errors.ts";

function sheetOf(limits: Partial<ConstructorParameters<typeof Sheet>[0]> = {}) {
  const told: CheckResult[] = [];
  const sheet = new Sheet({
    ...{ timeoutMs: 1000, totalMs: 1000, signal: new AbortController().signal, now: () => 0 },
    onResult: (result) => told.push(result),
    ...limits,
  });
  return { sheet, told };
}

describe("a look", () => {
  it("that throws what may happen is no verdict", async () => {
    const { sheet, told } = sheetOf();
    const see = () => Promise.reject(new TlogError("FILE_UNREADABLE", "x cannot be read"));
    expect(await sheet.look({ check: "x", otherwise: "try", see })).toBeUndefined();
    expect(told).toEqual([
      {
        check: "x",
        of: undefined,
        verdict: "unknown",
        saw: "x cannot be read [FILE_UNREADABLE]",
        advice: "try",
      },
    ]);
  });

  it("that is a bug stays one", async () => {
    const { sheet } = sheetOf();
    await expect(sheet.look({ check: "x", see: () => Promise.reject(new TypeError("x")) })).rejects.toThrow(
      TypeError,
    );
  });

  it("that never ends is left behind, and told to stop", async () => {
    const { sheet, told } = sheetOf({ timeoutMs: 1 });
    let stopped = false;
    await sheet.look({
      check: "x",
      see: (signal) => {
        signal.addEventListener("abort", () => {
          stopped = true;
        });
        return new Promise(() => undefined);
      },
    });
    expect(told).toMatchObject([{ verdict: "unknown" }]);
    expect(stopped).toBe(true);
  });

  it("after the time for all of them is not taken", async () => {
    let atMs = 0;
    const { sheet, told } = sheetOf({ now: () => atMs });
    atMs = 1000;
    await sheet.look({ check: "x", see: () => ok("seen") });
    expect(told).toMatchObject([{ verdict: "unknown" }]);
  });

  it("after Ctrl-C ends all", async () => {
    const { sheet } = sheetOf({ signal: AbortSignal.abort(130) });
    await expect(sheet.look({ check: "x", see: () => ok("seen") })).rejects.toMatchObject({
      code: "ABORTED",
    });
  });
});

describe("clocks", () => {
  const clock = (of: string, aheadMs: number) => ({ of, aheadMs, withinMs: 600 });

  it.each([
    ["none but this machine's own", [clock("127.0.0.1:80", 99_000)], "skipped"],
    ["one that is right", [clock("a", 4000)], "ok"],
    ["one that is some seconds ahead", [clock("a", 7000)], "warn"],
    ["two that are minutes behind", [clock("a", -200_000), clock("b", -190_000)], "fail"],
    ["one of three that is wrong itself", [clock("a", 0), clock("b", 900_000), clock("c", 100)], "ok"],
  ])("%s", (_name, clocks, verdict) => {
    expect(judgeClocks(clocks).verdict).toBe(verdict);
  });
});

describe("limits of a process", () => {
  it.each([
    ["512", "fail"],
    ["4096", "warn"],
    ["524288", "ok"],
    ["unlimited", "ok"],
  ])("with %s files that may be open", (count, verdict) => {
    const text = `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            256                  ${count}               files     \n`;
    expect(judgeFiles(parseLimits(text), true).verdict).toBe(verdict);
  });
});

describe("amounts", () => {
  it("are in words", () => {
    expect([0, 1023, 1536, 5 * 1024 ** 4].map(inBytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "5.0 TiB"]);
    expect([400, 90_000, 7_200_000, 5 * 86_400_000].map(inTime)).toEqual([
      "0 seconds",
      "90 seconds",
      "2 hours",
      "5 days",
    ]);
  });
});

it.each([
  ['got "https://u:a/b@h/"', 'got "https://…@h/"'],
  ["http://h/a?b=c#d: answers", "http://h/a?… answers"],
  ["import https://h/log --guard g?", "import https://h/log --guard g?"],
  ["pkcs11:token=t;PIN-value=1;object=o", "pkcs11:token=t;PIN-value=…;object=o"],
  ["pkcs11:object=o?pin-source=1234", "pkcs11:object=o?pin-source=…"],
  [
    "--key 'pkcs11:object=a%20b?module-path=/m.so&pin-source=file:/p' --guard g; or --a=b",
    "--key 'pkcs11:object=a%20b?module-path=/m.so&pin-source=file:/p' --guard g; or --a=b",
  ],
])("of %j a report shows %j", (text, shown) => {
  expect(withoutSecrets(text)).toBe(shown);
});
