import { describe, expect, it } from "vitest";
import { RequestTally, talliedRoute } from "../../src/http/request-tally.ts";
import {
  formatSigningKey,
  generateSigningKey,
  openLog,
  openMemoryStore,
  openSigner,
  serveLog,
} from "../../src/server.ts";
import { LOG_METRICS } from "../../src/signals/log-metrics.ts";
import type { MetricRow } from "../../src/signals/metric.ts";
import { SERVER_METRICS } from "../../src/signals/process-metrics.ts";
import { keysSince, openLogMetrics } from "../../src/telemetry/log-metrics.ts";
import { Unpublished } from "../../src/telemetry/unpublished.ts";
import { keyLabel, type VerifierKey } from "../../src/tlog/key.ts";
import { logMetricsOptions } from "./log-metrics-options.ts";

const ORIGIN = "example.com/metered";
const LISTENERS = "bristlecone_log_listeners";
const ROWS: readonly MetricRow[] = [...SERVER_METRICS, ...LOG_METRICS];

/** A log that was asked a little over a real socket, and its page of metrics. */
async function scraped() {
  const metrics = openLogMetrics(logMetricsOptions());
  const signer = await openSigner(formatSigningKey(await generateSigningKey({ name: ORIGIN })));
  await using log = await openLog({
    store: openMemoryStore({ origin: ORIGIN }),
    signer,
    events: metrics.events,
  });
  metrics.watch(log);
  const here = { host: "127.0.0.1", port: 0 };
  const server = await serveLog({ log, listen: here, adminListen: here, metrics });
  try {
    const receipt = { accept: "text/x.tlog.proof", prefer: "wait=10" };
    for (const headers of [{}, {}, receipt]) {
      const body = headers === receipt ? "other" : "same";
      await (await fetch(`${server.url}/add`, { method: "POST", body, headers })).arrayBuffer();
    }
    for (const path of ["/checkpoint", "/entry/99", "/nowhere"])
      await (await fetch(server.url + path)).arrayBuffer();
    const leaving = new AbortController();
    const pageOf = async () => (await (await fetch(`${server.adminUrl}/metrics`)).text()).split("\n");
    for (const signal of [leaving.signal, leaving.signal, undefined]) {
      const stream = await fetch(`${server.url}/events`, signal === undefined ? {} : { signal });
      await stream.body?.getReader().read();
    }
    const listening = sampleOf(await pageOf(), LISTENERS);
    leaving.abort();
    while (sampleOf(await pageOf(), LISTENERS) !== 1) await new Promise((later) => setImmediate(later));
    const answer = await fetch(`${server.adminUrl}/metrics`);
    const lines = (await answer.text()).split("\n");
    return {
      type: answer.headers.get("content-type"),
      lines,
      listening,
      value: (of: string) => sampleOf(lines, of),
    };
  } finally {
    await server.close();
  }
}

function sampleOf(lines: readonly string[], series: string): number | undefined {
  const line = lines.find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe("GET /metrics of a log", () => {
  it("has every metric of the table that needs no circumstances, with its help and its values, and none that is not there", async () => {
    const { lines, type } = await scraped();
    expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
    const helps = new Map(
      lines.flatMap((line) => [...line.matchAll(/^# HELP (\S+) (.*)$/g)].map((m) => [m[1], m[2]])),
    );
    const rows = new Map(ROWS.map((row) => [row.name, row.help]));
    expect([...helps].filter(([name = "", help]) => rows.get(name) !== help)).toEqual([]);
    for (const { name, when } of ROWS.filter((row) => row.when === undefined)) {
      expect([name, when, helps.has(name)]).toEqual([name, undefined, true]);
      expect(lines.some((line) => line.startsWith(name) && !line.startsWith("#"))).toBe(true);
    }
  });

  it("counts entries, duplicates and answers by route and status", async () => {
    const { value } = await scraped();
    expect(value("bristlecone_log_entries_total")).toBe(2);
    expect(value("bristlecone_log_duplicates_total")).toBe(1);
    expect(value('bristlecone_log_tree_size{stage="published"}')).toBe(2);
    expect(value('bristlecone_http_requests_total{route="/add",code="200"}')).toBe(2);
    expect(value('bristlecone_http_requests_total{route="/add (receipt)",code="200"}')).toBe(1);
    expect(value('bristlecone_http_requests_total{route="/entry/*",code="404"}')).toBe(1);
    expect(value('bristlecone_http_requests_total{route="other",code="404"}')).toBe(1);
    expect(value('bristlecone_http_requests_total{route="/add",code="503"}')).toBe(0);
    expect(value('bristlecone_http_request_duration_seconds_bucket{route="/add",le="+Inf"}')).toBe(2);
    expect(value('bristlecone_http_request_duration_seconds_count{route="/entry/*"}')).toBeUndefined();
    expect(value('bristlecone_log_state{state="writable"}')).toBe(1);
  });

  it("counts the streams of events that are open, and no more those whose readers left", async () => {
    const { listening, value } = await scraped();
    expect([listening, value(LISTENERS)]).toEqual([3, 1]);
  });

  it("names what turned the log read-only, and bounds the codes that anybody might make up", async () => {
    const metrics = openLogMetrics(logMetricsOptions());
    metrics.events.turnedReadOnly?.({ code: "LOG_READ_ONLY", message: "", reason: "LOG_ROLLED_BACK" });
    for (let code = 0; code < 300; code++) metrics.events.warning?.({ code: `C${code}`, message: "" });
    const { body } = await metrics.page();
    expect(body).toContain('bristlecone_log_read_only_info{code="LOG_ROLLED_BACK"} 1');
    expect(body.match(/bristlecone_warnings_total\{/g)).toHaveLength(101);
    expect(body).toContain('bristlecone_warnings_total{code="other"} 200');
  });
});

describe("what runs beside a log", () => {
  it("is counted on its page: receivers of webhooks, witnesses of its own, a key that does not sign", async () => {
    const { events, localWitnesses, page } = openLogMetrics(logMetricsOptions({ hasLocalWitnesses: true }));
    events.webhookOpened?.({ name: "ci", treeSize: 5 });
    events.webhookFailed?.({ name: "ci", code: "REMOTE_REFUSED", message: "", failures: 1 });
    localWitnesses?.events.evidenceStored?.({ origin: ORIGIN, id: "", kind: "" });
    localWitnesses?.watch([]);
    events.warning?.({ code: "SIGNER_FAILED", message: "" });
    const lines = (await page()).body.split("\n");
    expect(sampleOf(lines, 'bristlecone_log_webhook_up{webhook="ci"}')).toBe(0);
    expect(sampleOf(lines, 'bristlecone_log_webhook_told_entries{webhook="ci"}')).toBe(5);
    expect(sampleOf(lines, "bristlecone_witness_evidence_total")).toBe(1);
    expect(sampleOf(lines, 'bristlecone_witness_state{state="ok"}')).toBe(1);
    expect(sampleOf(lines, "bristlecone_log_signer_up")).toBe(0);
    events.webhookDelivered?.({ name: "ci", treeSize: 7, elapsedMs: 3 });
    events.signerRecovered?.({ failedForMs: 5 });
    const after = (await page()).body.split("\n");
    expect(sampleOf(after, 'bristlecone_log_webhook_up{webhook="ci"}')).toBe(1);
    expect(sampleOf(after, 'bristlecone_log_webhook_told_entries{webhook="ci"}')).toBe(7);
    expect(sampleOf(after, "bristlecone_log_signer_up")).toBe(1);
  });

  it("says since when a key signs: by the history of keys, else by its file", async () => {
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map(async (seed) => {
        const key = await generateSigningKey({ name: ORIGIN, seed: new Uint8Array(32).fill(seed) });
        return (await openSigner(formatSigningKey(key))).verifierKey;
      }),
    );
    if (first === undefined || second === undefined || third === undefined) throw new Error("no keys");
    const inFiles = [first, second].map((key) => ({ name: keyLabel(key), sinceMs: 5_000 }));
    const changes = [
      { atSeconds: 100, oldKeys: [first], newKeys: [second] },
      { atSeconds: 200, oldKeys: [second], newKeys: [third] },
    ];
    const since = (keys: readonly VerifierKey[], known: typeof changes) =>
      keysSince(keys, known, inFiles).map(({ sinceMs }) => sinceMs);
    expect(since([first], [])).toEqual([5_000]);
    expect(since([first], changes)).toEqual([5_000]);
    expect(since([second], changes)).toEqual([100_000]);
    expect(since([third], changes)).toEqual([200_000]);
    expect(since([third], [])).toEqual([]);
  });
});

describe("a tally of requests", () => {
  it("is whole again in another process, whatever was told before", () => {
    const [reader, writer] = [new RequestTally(), new RequestTally()];
    const tile = talliedRoute("/tile/0/000");
    reader.record(tile, { status: 200, headers: {} }, 3);
    writer.merge(reader.changes());
    reader.record(tile, { status: 200, headers: {} }, 70_000);
    reader.record(tile, { status: 404, headers: {} }, 1);
    writer.merge(reader.changes());
    expect(reader.changes()).toEqual([]);
    expect(writer.routes()).toEqual(reader.routes());
    expect(writer.routes()[0]?.buckets.reduce((sum, count) => sum + count, 0)).toBe(2);
  });
});

describe("what is integrated and not published", () => {
  it("goes on waiting after a restart, from the start", () => {
    const waiting = new Unpublished();
    waiting.found({ integrated: 3, published: 0 }, 1_000);
    expect(waiting.ageMs(5_000)).toBe(4_000);
    waiting.integrated({ treeSize: 5, count: 2 }, 6_000);
    expect(waiting.published(3, 7_000)).toBe(6_000);
    expect(waiting.ageMs(8_000)).toBe(2_000);
    const whole = new Unpublished();
    whole.found({ integrated: 3, published: 3 }, 1_000);
    expect([whole.ageMs(5_000), whole.published(3, 5_000)]).toEqual([0, undefined]);
  });

  it("is as old as its oldest entry, however many checkpoints there were", () => {
    const waiting = new Unpublished();
    expect(waiting.ageMs(5)).toBe(0);
    waiting.integrated({ treeSize: 10, count: 10 }, 0);
    waiting.integrated({ treeSize: 15, count: 5 }, 100);
    waiting.integrated({ treeSize: 20, count: 5 }, 120); // counts with the one before
    expect(waiting.published(10, 200)).toBe(200);
    expect(waiting.ageMs(200)).toBe(100);
    expect(waiting.published(17, 300)).toBe(200);
    expect(waiting.ageMs(300)).toBe(200);
    expect(waiting.published(20, 400)).toBe(300);
    expect([waiting.ageMs(500), waiting.published(20, 500)]).toEqual([0, undefined]);
  });
});
