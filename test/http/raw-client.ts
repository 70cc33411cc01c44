import { connect, type Socket } from "node:net";

/** A TCP connection that speaks whatever a test wants, as clients that mean harm do. */
export class RawClient {
  readonly #socket: Socket;
  #received = "";
  readonly #changed = new Set<() => void>();
  #isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => {
      this.#received += bytes.toString("latin1");
      this.#notify();
    });
    socket.on("error", () => {}); // "close" follows.
    socket.on("close", () => {
      this.#isClosed = true;
      this.#notify();
    });
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    const client = new RawClient(socket);
    await new Promise<void>((resolve) => socket.once("connect", resolve).once("close", resolve));
    return client;
  }

  send(text: string | Uint8Array): void {
    this.#socket.write(text);
  }

  /** Stops taking bytes from the kernel. */
  pause(): void {
    this.#socket.pause();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** What came so far, once it matches. Fails when the connection ends before. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#received)) {
      if (this.#isClosed) throw new TypeError(`closed before ${pattern}: ${this.#received}`);
      await this.#change();
    }
    return this.#received;
  }

  /** Everything that came until the server closed the connection. */
  async untilClosed(): Promise<string> {
    while (!this.#isClosed) await this.#change();
    return this.#received;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed.add(resolve));
  }

  #notify(): void {
    for (const resolve of this.#changed) resolve();
    this.#changed.clear();
  }
}

/** Status codes of all answers in a stream of them. */
export function statusesIn(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
}
