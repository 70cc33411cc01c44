/** Traces for who has an OpenTelemetry SDK in the process: `node --import ./otel.mjs …`. Without one nothing here exists. */
import {
  type Context,
  context,
  ProxyTracerProvider,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { LogEvents } from "../events.ts";

type Attributes = Readonly<Record<string, string | number>>;

/** A stage that ended. */
interface Stage {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
}

/** More than a policy of any use has witnesses. */
const MAX_STAGES = 64;

/**
 * Makes spans of what the engine tells at its stage borders, afterwards, from how long each took: the engine knows of none. A
 * checkpoint's span has those of signing and of each witness below it.
 * @param clock - milliseconds since 1970.
 * @returns undefined when no SDK is registered.
 */
export function logSpans(clock: () => number): LogEvents | undefined {
  const tracer = registeredTracer();
  return tracer === undefined ? undefined : spansOf(tracer, clock);
}

function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  if (provider instanceof ProxyTracerProvider) return provider.getDelegateTracer("bristlecone");
  return provider.getTracer("bristlecone");
}

function spansOf(tracer: Tracer, clock: () => number): LogEvents {
  let gathered: readonly Stage[] = []; // of the head that is on its way; owned by the events below
  let shown: { readonly treeSize: number; readonly parent: Context } | undefined; // owned by end()
  const stage = (name: string, elapsedMs: number, attributes: Attributes): Stage => {
    const endMs = clock();
    return { name, startMs: endMs - elapsedMs, endMs, attributes };
  };
  const tell = ({ name, startMs, endMs, attributes }: Stage, parent: Context, error?: string): Context => {
    const span = tracer.startSpan(name, { startTime: startMs, attributes: { ...attributes } }, parent);
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(endMs);
    return trace.setSpan(parent, span);
  };
  const end = (whole: Stage, treeSize: number, error?: string): void => {
    const parent = tell(whole, context.active(), error);
    for (const part of gathered) tell(part, parent);
    gathered = [];
    shown = { treeSize, parent };
  };
  return {
    batchIntegrated({ elapsedMs, ...attributes }) {
      tell(stage("bristlecone.integrate", elapsedMs, attributes), context.active());
    },
    checkpointSigned({ elapsedMs, treeSize }) {
      gathered = [stage("bristlecone.sign", elapsedMs, { treeSize })];
    },
    witnessCosigned({ elapsedMs, ...attributes }) {
      const part = stage("bristlecone.cosign", elapsedMs, attributes);
      // After the decision: the checkpoint's span has ended, and is its parent all the same.
      if (shown?.treeSize === attributes.treeSize) tell(part, shown.parent);
      else if (gathered.length < MAX_STAGES) gathered = [...gathered, part];
    },
    checkpointPublished({ elapsedMs, treeSize }) {
      end(stage("bristlecone.publish", elapsedMs, { treeSize }), treeSize);
    },
    quorumMissing({ treeSize, missing }) {
      const startMs = gathered[0]?.startMs ?? clock();
      const names = missing.map(({ name }) => name).join(", ");
      const whole = { name: "bristlecone.publish", startMs, endMs: clock(), attributes: { treeSize } };
      end(whole, treeSize, `no quorum without ${names}`);
    },
  };
}
