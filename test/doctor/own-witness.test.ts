import { chmodSync, cpSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openGuardFile } from "../../src/server.ts";
import { callCli, temporaryDirectory, type WitnessHere, witnessHere } from "../cli/harness.ts";

interface Row {
  readonly check: string;
  readonly verdict: string;
  readonly saw: string;
}

async function examined(args: readonly string[]) {
  const { code, stdout } = await callCli(["doctor", "--json", ...args]);
  const lines = stdout.trim().split("\n");
  const rows: readonly Row[] = lines.map((line) => JSON.parse(line)).filter((line) => "check" in line);
  return { code, said: new Map(rows.map((row) => [row.check, row])) };
}

describe("doctor --witness", () => {
  let cwd: string;
  let data: string;
  let witness: WitnessHere;
  const verdicts = ({ said }: Awaited<ReturnType<typeof examined>>) =>
    Object.fromEntries([...said].map(([check, { verdict }]) => [check, verdict]));

  beforeAll(async () => {
    cwd = temporaryDirectory();
    data = join(cwd, "witness");
    witness = await witnessHere(cwd, ["--name", "witness.example/w"]);
  });
  afterAll(async () => void (await witness.stop()));

  it("looks at key, guard, store and what is served, beside the witness, and finds them of one witness", async () => {
    const result = await examined(["--witness", data, "--witness", witness.url]);
    expect(result.code).toBe(0);
    expect(verdicts(result)).toMatchObject({
      "witness-store": "ok",
      guard: "ok",
      "key-mode": "ok",
      "key-signs": "ok",
      logs: "warn",
      evidence: "ok",
      "witness-url": "ok",
      "same-witness": "ok",
      "witness-cache": "ok",
      submissions: "ok",
      monitoring: "skipped",
    });
  });

  it("names the logs that were never cosigned", async () => {
    const key = ["--origin", "example.com/log", "--out", join(cwd, "log.key")];
    const vkey = (await callCli(["keygen", "--json", ...key])).stdout.match(/"vkey":"([^"]+)"/)?.[1] ?? "";
    expect((await callCli(["witness", "add-log", vkey, "--data", data])).code).toBe(0);
    const { said } = await examined(["--witness", data]);
    expect(said.get("logs")).toMatchObject({ verdict: "warn" });
    expect(said.get("logs")?.saw).toContain("never: example.com/log");
  });

  it("finds a guard that is gone, and one that knows of more than the store", async () => {
    const copy = join(cwd, "copy");
    cpSync(data, copy, { recursive: true, filter: (path) => !path.endsWith(".sock") });
    const places = ["--witness", copy, "--key", `${data}.key`];
    const gone = await examined(places);
    expect([gone.code, gone.said.get("guard")?.verdict]).toEqual([1, "fail"]);
    const guard = await openGuardFile(`${copy}.guard`);
    const [token, rootHash] = ["0".repeat(32), new Uint8Array(32)];
    await guard.write({
      ...{ origin: "witness.example/w", storeId: token, lineage: token, nextLineage: undefined },
      ...{ epoch: 1, keys: undefined, signed: { treeSize: 7, rootHash } },
    });
    await guard.close();
    const old = await examined(places);
    expect(old.said.get("guard")?.saw).toContain(
      "7 cosignatures were made, and this data directory knows of 0",
    );
  });

  it("finds a key that others may read, and one of somebody else", async () => {
    const key = join(cwd, "other.key");
    await callCli(["keygen", "--cosigner", "--origin", "witness.example/other", "--out", key]);
    const foreign = await examined(["--witness", data, "--key", key]);
    expect([foreign.code, foreign.said.get("key-signs")?.verdict]).toEqual([1, "fail"]);
    chmodSync(key, 0o644);
    expect((await examined(["--witness", data, "--key", key])).said.get("key-mode")?.verdict).toBe("fail");
    rmSync(key);
  });

  it("finds what a proxy takes away, and a URL that is no witness's", async () => {
    const shown = await (await fetch(`${witness.url}/witness.json`)).text();
    const proxy = createServer((request, response) => {
      const isInfo = request.url === "/witness.json";
      response.writeHead(isInfo ? 200 : 404, { "Cache-Control": "max-age=3600" }).end(isInfo ? shown : "");
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => proxy.once("listening", resolve));
    const address = proxy.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
    const through = await examined(["--witness", url]);
    expect(verdicts(through)).toMatchObject({ "witness-cache": "warn", submissions: "fail" });
    proxy.close();
    const nobody = await examined(["--witness", url]);
    expect([nobody.code, nobody.said.get("witness-url")?.verdict]).toEqual([3, "unknown"]);
  });

  it("wants one witness", async () => {
    const { code, stderr } = await callCli(["doctor", "--witness", "a", "--witness", "b"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("want the data directory of one witness")]);
  });
});
