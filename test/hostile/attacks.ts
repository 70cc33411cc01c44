/** What clients that mean harm do to a listener. Each attack goes on until its signal aborts, then lets go of what it holds. */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { gzipSync } from "node:zlib";

export interface Victim {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

export interface Attack {
  readonly name: string;
  /** Connections, or rounds, it makes; shown in the table. */
  readonly size: number;
  /** The most the server may come to hold beyond what it held before, in MiB: what its limits add up to, and 150 for what the collector leaves lying under load. */
  readonly maxMib: number;
  /** "only": an attack on TLS. Absent: as good without it. */
  readonly tls?: "only" | "too";
  /** @param during.onReady - called when what it holds is held, or it first did what it repeats. */
  run(victim: Victim, during: During): Promise<void>;
}

export interface During {
  readonly until: AbortSignal;
  readonly onReady: () => void;
}

const HOST = "Host: 127.0.0.1\r\n";

export const ATTACKS: readonly Attack[] = [
  {
    name: "connections on which nothing comes",
    size: 4000,
    // Of TLS some 32 KiB each.
    maxMib: 250,
    tls: "too",
    run: (victim, during) => hold(victim, 4000, during, () => {}),
  },
  {
    name: "listeners to events",
    size: 4000,
    maxMib: 250,
    run: (victim, during) =>
      hold(victim, 4000, during, (socket) => {
        socket.write(`GET /events HTTP/1.1\r\n${HOST}\r\n`);
      }),
  },
  {
    name: "listeners to all entries that read none of them",
    size: 1000,
    // 256 of them have a place, with two pieces of 64 KiB each.
    maxMib: 220,
    tls: "too",
    run: (victim, during) =>
      hold(victim, 1000, during, (socket) => {
        socket.pause();
        socket.write(`GET /events?from=0&entries=1 HTTP/1.1\r\n${HOST}\r\n`);
      }),
  },
  {
    name: "headers a byte at a time",
    size: 1500,
    maxMib: 220,
    run: (victim, during) =>
      hold(victim, 1500, during, (socket) => {
        socket.write(`GET /checkpoint HTTP/1.1\r\n${HOST}X-Slow: `);
        trickle(socket, "a", 250);
      }),
  },
  {
    name: "headers that never end, 15 KiB of them",
    size: 1000,
    maxMib: 220,
    tls: "too",
    run: (victim, during) =>
      hold(victim, 1000, during, (socket) => {
        socket.write(`GET /checkpoint HTTP/1.1\r\n${HOST}${"X-Giant: a\r\n".repeat(1200)}`);
      }),
  },
  {
    name: "headers above the limit, again and again",
    size: 64,
    maxMib: 220,
    run: (victim, during) =>
      again(victim, 64, during, (socket) => {
        socket.write(`GET /checkpoint HTTP/1.1\r\n${HOST}X-Giant: ${"a".repeat(100_000)}\r\n\r\n`);
      }),
  },
  {
    name: "entries a byte at a time",
    size: 1500,
    maxMib: 220,
    run: (victim, during) =>
      hold(victim, 1500, during, (socket) => {
        socket.write(`POST /add HTTP/1.1\r\n${HOST}Content-Length: 65535\r\n\r\n${"x".repeat(60_000)}`);
        trickle(socket, "x", 250);
      }),
  },
  {
    name: "batches that stop just before their end",
    size: 100,
    // A budget of 64 MiB, in memory that grows by doubling, and what sockets hold.
    maxMib: 260,
    tls: "too",
    run: (victim, during) =>
      hold(victim, 100, during, (socket) => {
        socket.write(`POST /add-batch HTTP/1.1\r\n${HOST}Content-Length: 8388608\r\n\r\n`);
        socket.write(Buffer.alloc(8_388_000));
        trickle(socket, "x", 250);
      }),
  },
  {
    name: "chunks of one byte with long extensions",
    size: 200,
    maxMib: 220,
    run: (victim, during) =>
      again(victim, 200, during, (socket) => {
        const chunk = `1;${"e".repeat(2000)}\r\nx\r\n`;
        socket.write(`POST /add HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(30)}`);
      }),
  },
  {
    name: "bodies left half way",
    size: 200,
    maxMib: 220,
    run: (victim, during) =>
      again(victim, 200, during, (socket) => {
        socket.write(`POST /add HTTP/1.1\r\n${HOST}Content-Length: 60000\r\n\r\n${"x".repeat(30_000)}`, () =>
          socket.destroy(),
        );
      }),
  },
  {
    name: "gzip bombs, 1,000 to one",
    size: 64,
    maxMib: 220,
    run: (victim, during) =>
      again(victim, 64, during, (socket) => {
        const coding = `Content-Encoding: gzip\r\nContent-Length: ${BOMB.length}\r\n\r\n`;
        for (const path of ["/add", "/add-batch"]) {
          socket.write(`POST ${path} HTTP/1.1\r\n${HOST}${coding}`);
          socket.write(BOMB);
        }
      }),
  },
  {
    name: "more requests at once than a connection may have",
    size: 64,
    maxMib: 250,
    run: (victim, during) =>
      again(victim, 64, during, (socket) => {
        socket.write(`GET /checkpoint HTTP/1.1\r\n${HOST}\r\n`.repeat(2000));
      }),
  },
  {
    name: "proofs of 1,000 leaves, in a loop",
    size: 32,
    maxMib: 220,
    run: (victim, during) => {
      const indices = Array.from({ length: 1000 }, (_, at) => at * 2).join(",");
      const path = `/proof/inclusion-batch?leafIndices=${indices}&treeSize=TREE_SIZE`;
      return again(victim, 32, during, (socket) => {
        const next = () => socket.write(`GET ${path.replace("TREE_SIZE", "2048")} HTTP/1.1\r\n${HOST}\r\n`);
        socket.on("data", (piece: Buffer) => {
          if (piece.includes("HTTP/1.1")) next();
        });
        next();
      });
    },
  },
  {
    name: "connections opened and dropped",
    size: 64,
    maxMib: 220,
    run: (victim, during) => again(victim, 64, during, (socket) => socket.destroy()),
  },
  {
    name: "handshakes that stop",
    size: 1500,
    maxMib: 220,
    tls: "only",
    run: (victim, during) =>
      hold({ ...victim, isTls: false }, 1500, during, (socket) => socket.write("\x16\x03\x01")),
  },
  {
    name: "handshakes again and again",
    size: 32,
    maxMib: 220,
    tls: "only",
    run: (victim, during) => again(victim, 32, during, (socket) => setTimeout(() => socket.destroy(), 20)),
  },
  {
    name: "64 requests at once on a connection, no answer read",
    size: 300,
    // A budget of 256 MiB of bundles on their way, and what they are while they are read.
    maxMib: 420,
    tls: "too",
    run: (victim, during) =>
      hold(victim, 300, during, (socket) => {
        socket.pause();
        socket.write(`GET /tile/entries/000 HTTP/1.1\r\n${HOST}\r\n`.repeat(64));
      }),
  },
  {
    name: "the largest bundle compressed anew, in a loop",
    size: 32,
    maxMib: 420,
    tls: "too",
    run: (victim, during) =>
      again(victim, 32, during, (socket) => {
        const next = () =>
          socket.write(`GET /tile/entries/000 HTTP/1.1\r\n${HOST}Accept-Encoding: gzip\r\n\r\n`);
        socket.on("data", (piece: Buffer) => {
          if (piece.includes("HTTP/1.1")) next();
        });
        next();
      }),
  },
];

const BOMB = gzipSync(Buffer.alloc(32 * 1024 * 1024));

function open({ host, port, isTls }: Victim): Socket {
  const socket = isTls ? connectTls({ host, port, rejectUnauthorized: false }) : connect({ host, port });
  socket.on("error", () => {}); // "close" follows.
  return socket;
}

/** Keeps so many connections, each treated so once it is open; one that the server closes is opened anew. */
async function hold(
  victim: Victim,
  count: number,
  { until, onReady }: During,
  treat: (socket: Socket) => void,
): Promise<void> {
  let treated = 0;
  const sockets = new Set<Socket>();
  const one = () => {
    if (until.aborted) return;
    const socket = open(victim);
    sockets.add(socket);
    socket.once(victim.isTls ? "secureConnect" : "connect", () => {
      treat(socket);
      treated += 1;
      if (treated === count) onReady();
    });
    socket.once("close", () => {
      sockets.delete(socket);
      setTimeout(one, 100);
    });
    socket.resume();
  };
  // Not all in one turn: the queue of the kernel is not what is attacked here.
  for (let at = 0; at < count && !until.aborted; at++) {
    one();
    if (at % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await aborted(until);
  for (const socket of sockets) socket.destroy();
}

/** As {@link hold}, but a connection is dropped after a second at most, and another one made at once. */
async function again(
  victim: Victim,
  count: number,
  { until, onReady }: During,
  treat: (socket: Socket) => void,
): Promise<void> {
  const one = async (): Promise<void> => {
    while (!until.aborted) {
      const socket = open(victim);
      socket.resume();
      socket.once(victim.isTls ? "secureConnect" : "connect", () => {
        treat(socket);
        onReady();
      });
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => socket.destroy(), 1000);
        socket.once("close", () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  };
  await Promise.all(Array.from({ length: count }, one));
}

function trickle(socket: Socket, byte: string, everyMs: number): void {
  const timer = setInterval(() => socket.write(byte), everyMs);
  socket.once("close", () => clearInterval(timer));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
