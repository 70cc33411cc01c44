import { createServer, type Socket } from "node:net";
import { TlogError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { messageOf } from "../node/errno.ts";
import { parseEntryBlock } from "../tlog/entry-bundle.ts";
import { encodeAdded, encodeRefused, FrameReader, MAX_FRAME_BYTES } from "./frames.ts";

export interface FrameListener {
  /** Cuts what is still connected: readers end before. */
  close(): Promise<void>;
}

export interface TakeFramesOptions {
  readonly log: Pick<Log, "addBlock" | "limits">;
  /** In a directory that nobody else may enter. Nothing that clients send is passed on to this socket. */
  readonly socketPath: string;
}

/**
 * The writer's side of what readers gather: each frame is one block for the log, answered when it is durable.
 * @throws {TlogError} LISTEN_FAILED
 */
export async function takeFrames(options: TakeFramesOptions): Promise<FrameListener> {
  const sockets = new Set<Socket>(); // owned by the next statement
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // "close" follows, and a reader that is gone needs no answer.
    serve(socket, options);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const { socketPath } = options;
      reject(new TlogError("LISTEN_FAILED", `cannot listen on ${socketPath}: ${messageOf(error)}`));
    });
    server.listen({ path: options.socketPath }, () => resolve());
  });
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function serve(socket: Socket, { log }: TakeFramesOptions): void {
  const frames = new FrameReader(MAX_FRAME_BYTES, (number, payload) => {
    void addFrame(log, { number, payload }).then((answer) => {
      if (!socket.destroyed) socket.write(answer);
    });
  });
  socket.on("data", (piece: Buffer) => {
    try {
      frames.push(piece);
    } catch {
      socket.destroy(); // Another program: a reader ends with its connection.
    }
  });
}

async function addFrame(
  log: TakeFramesOptions["log"],
  { number, payload }: { readonly number: number; readonly payload: Buffer },
): Promise<Buffer> {
  try {
    const block = parseEntryBlock(payload, { maxEntries: log.limits.maxBatchEntries });
    return encodeAdded(number, await log.addBlock(block));
  } catch (error) {
    return encodeRefused(number, error);
  }
}
