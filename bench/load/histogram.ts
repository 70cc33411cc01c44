/** A histogram of microseconds, log-linear as HdrHistogram: any value is kept to three significant digits, in memory that does not grow. */

/** Below it a bucket is a microsecond wide; each octave above is cut into half as many buckets. */
const EXACT_BELOW = 2048;
const BUCKETS_PER_OCTAVE = EXACT_BELOW / 2;
const OCTAVES = 24;
/** Some nine hours; longer counts as this long. */
const MAX_MICROS = EXACT_BELOW * 2 ** OCTAVES - 1;

/** What crosses a process border: pairs of bucket and count, one after the other. */
export interface HistogramData {
  readonly buckets: readonly number[];
  readonly minMicros: number;
  readonly maxMicros: number;
}

export class Histogram {
  readonly #counts = new Float64Array(EXACT_BELOW + OCTAVES * BUCKETS_PER_OCTAVE);
  #count = 0; // owned by #add()
  #minMicros = MAX_MICROS; // owned by #widen()
  #maxMicros = 0; // owned by #widen()

  static from(data: HistogramData): Histogram {
    const histogram = new Histogram();
    histogram.merge(data);
    return histogram;
  }

  get count(): number {
    return this.#count;
  }

  /** The largest recorded value itself, 0 when there is none. */
  get maxMicros(): number {
    return this.#maxMicros;
  }

  /** @param micros - rounded to a whole microsecond; negative counts as 0. */
  record(micros: number): void {
    const value = Math.min(MAX_MICROS, Math.max(0, Math.round(micros)));
    this.#add(bucketOf(value), 1);
    this.#widen(value, value);
  }

  merge(data: HistogramData): void {
    for (let at = 0; at + 1 < data.buckets.length; at += 2) {
      this.#add(data.buckets[at] ?? 0, data.buckets[at + 1] ?? 0);
    }
    if (data.buckets.length > 0) this.#widen(data.minMicros, data.maxMicros);
  }

  /**
   * The smallest value that at least `share` of the recorded ones do not exceed, as the upper end of its bucket.
   * @param share - 0 to 1: 0.99 is p99.
   * @returns microseconds; NaN when nothing was recorded.
   */
  percentile(share: number): number {
    if (this.#count === 0) return Number.NaN;
    const wanted = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= wanted) return Math.min(this.#maxMicros, Math.max(this.#minMicros, upperEndOf(bucket)));
    }
    return this.#maxMicros;
  }

  toData(): HistogramData {
    const buckets: number[] = [];
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) buckets.push(bucket, count);
    return { buckets, minMicros: this.#minMicros, maxMicros: this.#maxMicros };
  }

  #add(bucket: number, count: number): void {
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    this.#count += count;
  }

  #widen(minMicros: number, maxMicros: number): void {
    this.#minMicros = Math.min(this.#minMicros, minMicros);
    this.#maxMicros = Math.max(this.#maxMicros, maxMicros);
  }
}

function bucketOf(value: number): number {
  if (value < EXACT_BELOW) return value;
  // Math.log2 is exact enough: a value is below 2^35, and next to a power of two the shift puts it right.
  let octave = Math.floor(Math.log2(value)) - 10;
  if (value >= EXACT_BELOW * 2 ** octave) octave += 1;
  return octave * BUCKETS_PER_OCTAVE + Math.floor(value / 2 ** octave);
}

function upperEndOf(bucket: number): number {
  if (bucket < EXACT_BELOW) return bucket;
  const octave = Math.floor(bucket / BUCKETS_PER_OCTAVE) - 1;
  const step = bucket - octave * BUCKETS_PER_OCTAVE;
  return (step + 1) * 2 ** octave - 1;
}
