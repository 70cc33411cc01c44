import { describe, expect, test } from "vitest";
import type { FetchFunction } from "../../client/fetcher.ts";
import { openWitnessClient } from "../../client/witness-client.ts";
import { parseAddCheckpoint } from "../../src/tlog/add-checkpoint.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";

const REQUEST = {
  oldSize: 1,
  proof: [new Uint8Array(32).fill(7)],
  checkpoint: encodeUtf8("example.com/log\n2\nAAAA\n\n— example.com/log AAAAAAA=\n"),
};
const LINE = "— witness.example AAAAAAA=\n";

function clientFor(answer: () => Response | Promise<Response>) {
  const calls: { readonly url: string; readonly init: Parameters<FetchFunction>[1] }[] = [];
  const fetch: FetchFunction = async (url, init) => {
    calls.push({ url, init });
    return await answer();
  };
  return { calls, client: openWitnessClient({ url: "https://witness.example/w1", fetch }) };
}

const answered = (status: number, body: string, type?: string) => () =>
  new Response(body, { status, headers: type === undefined ? {} : { "Content-Type": type } });

describe("a witness's client", () => {
  test("posts the request below the submission prefix, and reads the signature lines", async () => {
    const { client, calls } = clientFor(answered(200, `${LINE}${LINE}`, "text/plain; charset=utf-8"));
    const answer = await client.addCheckpoint(REQUEST);
    expect(answer).toMatchObject({ status: "cosigned", lines: [{ name: "witness.example" }, {}] });
    expect(calls.map(({ url, init }) => `${init.method} ${url}`)).toEqual([
      "POST https://witness.example/w1/add-checkpoint",
    ]);
    expect(parseAddCheckpoint(calls[0]?.init.body ?? new Uint8Array(0))).toEqual(REQUEST);
  });

  test.each(["text/x.tlog.size", "text/x.tlog.size; charset=utf-8", "Text/X.Tlog.Size"])(
    "reads the size of a 409 with the type %s",
    async (type) => {
      const { client } = clientFor(answered(409, "20852163\n", type));
      expect(await client.addCheckpoint(REQUEST)).toEqual({ status: "conflict", treeSize: 20_852_163 });
    },
  );

  test.each([
    ["409 of another type, as version 1.0.0 has it", answered(409, "3\n", "text/plain"), "ROOT_MISMATCH"],
    ["409 without a type", answered(409, "3\n", ""), "ROOT_MISMATCH"],
    ["422", answered(422, ""), "ROOT_MISMATCH"],
    ["409 with no number", answered(409, "three\n", "text/x.tlog.size"), "REMOTE_MALFORMED"],
    ["409 with two numbers", answered(409, "3\n4\n", "text/x.tlog.size"), "REMOTE_MALFORMED"],
    [
      "409 with a number above 2^53",
      answered(409, "9007199254740993\n", "text/x.tlog.size"),
      "REMOTE_MALFORMED",
    ],
    ["200 without a line", answered(200, ""), "REMOTE_MALFORMED"],
    ["200 with a line cut short", answered(200, LINE.trimEnd()), "REMOTE_MALFORMED"],
    ["200 with more than 16 KiB", answered(200, LINE.repeat(1000)), "REMOTE_TOO_LARGE"],
    ["403", answered(403, ""), "REMOTE_REFUSED"],
    ["429", answered(429, ""), "REMOTE_REFUSED"],
    ["503", answered(503, ""), "REMOTE_REFUSED"],
    ["a redirect", answered(308, ""), "REMOTE_REFUSED"],
    ["no answer", () => Promise.reject(new TypeError("fetch failed")), "REMOTE_UNREACHABLE"],
  ] as const)("throws, and asks no second time, on %s", async (_name, answer, code) => {
    const { client, calls } = clientFor(answer);
    await expectCodeAsync(client.addCheckpoint(REQUEST), code);
    expect(calls).toHaveLength(1);
  });

  test("gives up when its caller does, and refuses a URL nobody can ask", async () => {
    const { client } = clientFor(() => new Promise(() => {}));
    const caller = new AbortController();
    const asking = client.addCheckpoint(REQUEST, { signal: caller.signal });
    caller.abort();
    await expectCodeAsync(asking, "ABORTED");
    expectCode(() => openWitnessClient({ url: "ftp://witness.example/" }), "ARGUMENT_INVALID");
  });
});
