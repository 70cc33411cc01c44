import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { RequestTally } from "../http/request-tally.ts";
import { DURATION_BOUNDS } from "../http/request-tally.ts";
import type { MetricsPage } from "../http/running-server.ts";
import { type MetricName, metricRow } from "../signals/table.ts";

/** A gauge's values when somebody looks. */
export type Samples = readonly {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}[];

/** What objectives count as failed. */
const FAILURES = ["500", "503"];

/** Metrics of one server. Each is made by its name: type, help, labels and buckets are the table's. */
export class MetricRegistry {
  readonly #registry = new Registry();

  /** @param options.isWholeProcess - whether what prom-client knows of the process goes on the page: it looks for as long as the process lives. */
  constructor({ isWholeProcess }: { readonly isWholeProcess: boolean }) {
    if (!isWholeProcess) return;
    collectDefaultMetrics({ register: this.#registry });
    // Gauges with the name of a counter, and a label for each kind of handle.
    for (const of of ["handles", "requests", "resources"]) {
      this.#registry.removeSingleMetric(`nodejs_active_${of}`);
      this.#registry.removeSingleMetric(`nodejs_active_${of}_total`);
    }
  }

  counter(name: MetricName): Counter {
    return new Counter({ ...this.#configured(name) });
  }

  histogram(name: MetricName): Histogram {
    return new Histogram({ ...this.#configured(name), buckets: [...(metricRow(name).buckets ?? [])] });
  }

  /** A gauge that asks when somebody looks. What cannot be found out then is left out. */
  gauge(name: MetricName, samples: () => Samples | Promise<Samples>): void {
    new Gauge({
      ...this.#configured(name),
      async collect() {
        this.reset();
        const found = await Promise.resolve(samples()).catch(() => []);
        for (const { labels = {}, value } of found) this.set(labels, value);
      },
    });
  }

  /** The two metrics of what was counted elsewhere. */
  requests(tally: RequestTally): void {
    new Counter({
      ...this.#configured("bristlecone_http_requests_total"),
      collect() {
        this.reset();
        for (const { route, answered } of tally.routes()) {
          // A failure is an increase also when it is the first.
          for (const code of FAILURES) this.inc({ route, code }, 0);
          for (const { status, count } of answered) this.inc({ route, code: String(status) }, count);
        }
      },
    });
    const name = "bristlecone_http_request_duration_seconds";
    new TallyHistogram({ ...this.#configured(name), buckets: [...DURATION_BOUNDS] }, tally);
  }

  async page(): Promise<MetricsPage> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #configured(name: MetricName) {
    const { help, labels = [] } = metricRow(name);
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }
}

/** Shows what a tally counted, in buckets of its own. */
class TallyHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #tally: RequestTally;

  constructor(configuration: ConstructorParameters<typeof Histogram>[0], tally: RequestTally) {
    super(configuration);
    this.#name = configuration.name;
    this.#help = configuration.help;
    this.#tally = tally;
  }

  /** What the registry asks, by a name that the library's types do not have. */
  getForPromString() {
    const values = this.#tally.routes().flatMap(({ route, buckets, seconds }) => {
      const count = buckets.reduce((sum, more) => sum + more, 0);
      if (count === 0) return [];
      let below = 0; // buckets are cumulative on the page
      const bounds = buckets.map((more, at) => {
        below += more;
        const labels = { route, le: DURATION_BOUNDS[at] ?? "+Inf" };
        return { metricName: `${this.#name}_bucket`, labels, value: below };
      });
      return [
        ...bounds,
        { metricName: `${this.#name}_sum`, labels: { route }, value: seconds },
        { metricName: `${this.#name}_count`, labels: { route }, value: count },
      ];
    });
    return Promise.resolve({ name: this.#name, help: this.#help, type: "histogram", values });
  }
}
