import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { LogForkedError } from "../../client/errors.ts";
import { type LogClient, openLogClient } from "../../client/log-client.ts";
import { addEntries } from "../../src/cli/add-entries.ts";
import { openOutput } from "../../src/cli/output.ts";
import { TlogError } from "../../src/errors.ts";
import { expectCodeAsync } from "../expect-code.ts";

const VKEY = "example.com/nowhere+8ab5d197+AVTniuOZe6EnlppkPzPT2qlFshA0ZOeWGcKChik/t8wB";
const FORK = {
  origin: "x",
  remembered: Uint8Array.of(),
  shown: Uint8Array.of(),
  proof: [],
  alternativeRoot: Uint8Array.of(),
};

/** A log that takes entries, and fails when its checkpoint is asked for. */
function clientFailing(failure: Error): LogClient {
  let next = 0;
  const client = openLogClient({
    url: "http://127.0.0.1:9",
    vkey: VKEY,
    fetch: async () => Response.json({ leafIndices: [next++], duplicates: [] }),
  });
  return { ...client, checkpoint: () => Promise.reject(failure) };
}

function add(client: LogClient, lines: string, signal = new AbortController().signal) {
  const stream = Object.assign(new EventEmitter(), {
    text: "",
    write: (_chunk: string | Uint8Array) => true,
  });
  async function* stdin() {
    yield new TextEncoder().encode(lines);
  }
  const call = {
    args: [],
    flags: {},
    output: openOutput({ stdout: stream, stderr: stream }, { isJson: false }),
    stdin: stdin(),
    signal,
    now: () => 0,
    config: () => Promise.reject(new TypeError("not asked for")),
  };
  const sources = { paths: ["-"], rule: "lines", stdin: call.stdin, onTooLarge: undefined } as const;
  const limits = { maxEntries: 1, maxBytes: 1024 };
  const destination = { client, limits, inFlight: 1, receiptsDirectory: undefined };
  return addEntries(call, { sources, totals: { bytes: undefined }, destination });
}

describe("adding, when the last look for a checkpoint fails", () => {
  it.each(["REMOTE_UNREACHABLE", "REMOTE_TIMEOUT", "SERVER_BUSY"] as const)(
    "still tells what was added: %s",
    async (code) => {
      const summary = await add(clientFailing(new TlogError(code, "")), "a\nb\n");
      expect(summary).toMatchObject({ entries: 2, added: 2, published: false });
    },
  );

  it("does not hide that something failed to verify", async () => {
    await expectCodeAsync(add(clientFailing(new LogForkedError("", FORK, undefined)), "a\n"), "LOG_FORKED");
    await expectCodeAsync(
      add(clientFailing(new TlogError("SIGNATURE_INVALID", "")), "a\n"),
      "SIGNATURE_INVALID",
    );
  });
});

it("does not hide a fork behind what had been added before", async () => {
  const client = clientFailing(new TlogError("REMOTE_UNREACHABLE", ""));
  let calls = 0;
  const forking: LogClient = {
    ...client,
    appendBatch: (...args) =>
      calls++ === 0 ? client.appendBatch(...args) : Promise.reject(new LogForkedError("", FORK, undefined)),
  };
  await expectCodeAsync(add(forking, "a\nb\n"), "LOG_FORKED");
});
