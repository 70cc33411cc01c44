import { trace } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, describe, expect, it } from "vitest";
import {
  formatSigningKey,
  generateSigningKey,
  openLog,
  openMemoryStore,
  openSigner,
} from "../../src/server.ts";
import { logSpans } from "../../src/telemetry/log-spans.ts";

const ORIGIN = "example.com/traced";

function registered(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  return exporter;
}

afterEach(() => trace.disable());

const parentOf = (span: ReadableSpan, all: readonly ReadableSpan[]) =>
  all.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)?.name;
const millis = ([seconds, nanos]: readonly [number, number]) => seconds * 1000 + nanos / 1e6;

describe("spans, with OpenTelemetry's SDK in the process", () => {
  it("are there for each batch and checkpoint of a log, signing below publishing, and hold no entry and no key", async () => {
    const exporter = registered();
    const events = logSpans(Date.now);
    const key = formatSigningKey(await generateSigningKey({ name: ORIGIN }));
    await using log = await openLog({
      store: openMemoryStore({ origin: ORIGIN }),
      signer: await openSigner(key),
      ...(events && { events }),
    });
    const [appended] = await log.addBatch([new TextEncoder().encode("a secret entry")]);
    await log.untilPublished(appended?.leafIndex ?? 0, { signal: AbortSignal.timeout(5000) });
    const spans = exporter.getFinishedSpans();
    expect(spans.map((span) => [span.name, parentOf(span, spans)])).toEqual(
      expect.arrayContaining([
        ["bristlecone.integrate", undefined],
        ["bristlecone.publish", undefined],
        ["bristlecone.sign", "bristlecone.publish"],
      ]),
    );
    for (const span of spans) {
      expect(millis(span.endTime)).toBeGreaterThanOrEqual(millis(span.startTime));
      expect(Object.values(span.attributes).every((value) => typeof value === "number")).toBe(true);
    }
    const told = JSON.stringify(
      spans.map(({ name, attributes, status, events: more }) => [name, attributes, status, more]),
    );
    expect(told).not.toContain("secret");
    expect(told).not.toContain(key.split("+").at(-1));
  });

  it("have each witness below the checkpoint it cosigned, also one that comes late, and none of another", () => {
    const exporter = registered();
    const events = logSpans(() => 10_000);
    events?.checkpointSigned?.({ treeSize: 5, elapsedMs: 1 });
    events?.witnessCosigned?.({ name: "w1", treeSize: 5, elapsedMs: 30 });
    events?.checkpointPublished?.({ treeSize: 5, elapsedMs: 40 });
    events?.witnessCosigned?.({ name: "w2", treeSize: 5, elapsedMs: 90 });
    events?.checkpointSigned?.({ treeSize: 6, elapsedMs: 2 });
    events?.quorumMissing?.({ treeSize: 6, missing: [{ name: "w1", reason: "401 Bearer abc" }] });
    const spans = exporter.getFinishedSpans();
    const published = spans.filter(({ name }) => name === "bristlecone.publish");
    const below = (parent: ReadableSpan | undefined) =>
      spans
        .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent?.spanContext().spanId)
        .map(({ name, attributes }) => [name, attributes.name]);
    expect(below(published[0])).toEqual([
      ["bristlecone.sign", undefined],
      ["bristlecone.cosign", "w1"],
      ["bristlecone.cosign", "w2"],
    ]);
    expect(below(published[1])).toEqual([["bristlecone.sign", undefined]]);
    expect(published[1]?.status).toEqual({ code: 2, message: "no quorum without w1" });
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(2);
  });

  it("are not made, nor listened for, without an SDK", () => {
    expect(logSpans(Date.now)).toBeUndefined();
  });
});
