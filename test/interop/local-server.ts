/** An HTTP server of a test, on a free port of this machine. */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";

export interface LocalServer {
  readonly url: string;
  /** Ends its connections too. */
  stop(): Promise<void>;
}

export async function startLocalServer(listener: RequestListener): Promise<LocalServer> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
