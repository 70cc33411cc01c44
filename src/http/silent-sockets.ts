import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/**
 * Browsers open connections before they need them, and Node takes one on which no byte of a request ever came for busy.
 * @returns a function that closes those.
 */
export function trackSilent(server: Pick<Server, "on">, { isTls }: { readonly isTls: boolean }): () => void {
  const sockets = new Set<Socket>(); // with what is in them decrypted; owned by track()
  const inHandshake = new Map<string, Socket>(); // by whom they come from; owned by the handlers
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  };
  if (isTls) {
    server.on("connection", (socket: Socket) => {
      const from = peerOf(socket);
      inHandshake.set(from, socket);
      socket.once("close", () => {
        if (inHandshake.get(from) === socket) inHandshake.delete(from);
      });
    });
    server.on("secureConnection", (socket: TLSSocket) => {
      inHandshake.delete(peerOf(socket));
      track(socket);
    });
  } else {
    server.on("connection", track);
  }
  return () => {
    for (const socket of inHandshake.values()) socket.destroy();
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  };
}

/** No two connections to one port have the same. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
