/** So many streams and no more; when all places are taken, one network does not have them all. */
import type { Stream } from "./stream.ts";

/**
 * Places for streams. Whoever comes while none is free takes one of the network that has the most, if it has the fewer even then. So one
 * network may have all that nobody else wants, and as many as the others once they come. spec/decisions/0053
 */
export class Seats {
  readonly #limit: number;
  readonly #byNetwork = new Map<string, Set<Stream>>(); // owned by take() and leave()
  #taken = 0; // owned by take() and leave()

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  hasRoomFor(network: string): boolean {
    return this.#taken < this.#limit || this.#crowd(network) !== undefined;
  }

  /** @returns the stream whose place it is, which is to end; undefined: one was free. */
  take(stream: Stream): Stream | undefined {
    const [oldest] = this.#taken < this.#limit ? [] : (this.#crowd(stream.network) ?? []);
    const own = this.#byNetwork.get(stream.network) ?? new Set();
    this.#byNetwork.set(stream.network, own.add(stream));
    this.#taken += 1;
    return oldest;
  }

  leave(stream: Stream): void {
    const own = this.#byNetwork.get(stream.network);
    if (own?.delete(stream) !== true) return;
    this.#taken -= 1;
    if (own.size === 0) this.#byNetwork.delete(stream.network);
  }

  /** Those of the network that has the most, and two more than another one. */
  #crowd(network: string): ReadonlySet<Stream> | undefined {
    const own = this.#byNetwork.get(network)?.size ?? 0;
    let most: ReadonlySet<Stream> | undefined;
    for (const streams of this.#byNetwork.values()) {
      if (streams.size > Math.max(own + 1, most?.size ?? 0)) most = streams;
    }
    return most;
  }
}

/** An IPv4 address, or the first half of an IPv6 one, all of which belong to one customer; "" when none is known. RFC 6177 */
export function networkOf(address: string | undefined): string {
  const bare = (address ?? "").replace(/^::ffff:(?=[0-9.]+$)/i, "").replace(/%.*$/, "");
  if (!bare.includes(":")) return bare;
  const [head = [], tail = []] = bare
    .split("::")
    .map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => "0");
  return [...head, ...zeros, ...tail].slice(0, 4).join(":");
}
