import { TlogError } from "../errors.ts";
import { hasErrorCode, messageOf } from "../node/errno.ts";
import type { ListenLimits } from "./limits.ts";
import { type ListenOptions, listen, type RunningListener, type ServedApp } from "./listen.ts";
import type { OnError } from "./problem.ts";
import type { RequestWatch } from "./request-log.ts";
import type { ListenAt, RunningServer } from "./running-server.ts";
import type { TlsFiles } from "./tls.ts";

/** What is on the public listener is counted and told. */
export interface ServeAppsOptions extends RequestWatch {
  readonly app: ServedApp;
  /** Made with a function that says whether the public listener is closing. */
  readonly adminApp: (isClosing: () => boolean) => ServedApp;
  readonly listen: ListenAt;
  readonly adminListen: ListenAt | undefined;
  readonly tls?: TlsFiles | undefined;
  readonly limits?: Partial<ListenLimits>;
  readonly onError: OnError;
}

/**
 * Serves an app on the public listener and, if wanted, another on one of its own for the operator.
 * @throws {TlogError} LISTEN_FAILED (the address is taken, or not ours)
 */
export async function serveApps(options: ServeAppsOptions): Promise<RunningServer> {
  const { app, adminApp, adminListen, tls, limits = {}, onError, requests, requestLog } = options;
  const watch = { requests, requestLog };
  const server = await listenOn({ app, ...options.listen, tls, limits, onError, ...watch });
  let isClosing = false; // owned by close()
  const admin = await listenAdmin(adminListen, { app: adminApp(() => isClosing), onError }).catch(
    async (error: unknown) => {
      await server.close();
      throw error;
    },
  );
  return {
    url: server.url,
    adminUrl: admin?.url,
    async close(closing) {
      isClosing = true;
      // Health is answered to the end: whoever balances load must see it go.
      await server.close(closing).finally(() => admin?.close(closing));
    },
  };
}

async function listenAdmin(
  address: ListenAt | undefined,
  options: Pick<ListenOptions, "app" | "onError">,
): Promise<RunningListener | undefined> {
  return address === undefined ? undefined : await listenOn({ ...options, ...address });
}

/** @throws {TlogError} LISTEN_FAILED | FILE_UNREADABLE | CONFIG_INVALID (the files of TLS) */
export async function listenOn(options: ListenOptions): Promise<RunningListener> {
  try {
    return await listen(options);
  } catch (error) {
    if (error instanceof TlogError) throw error;
    const reason = hasErrorCode(error, "EADDRINUSE") ? "another program listens there" : messageOf(error);
    const where = options.passedOn?.socketPath ?? `${options.host}:${options.port}`;
    throw new TlogError("LISTEN_FAILED", `cannot listen on ${where}: ${reason}`, { cause: error });
  }
}
