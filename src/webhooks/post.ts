/** One attempt to deliver a webhook: bounded in time, straight to an address that was looked at, and deaf to what comes back. */
import { lookup as lookUp } from "node:dns";
import {
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { parseRetryAfter } from "../../client/backoff.ts";
import { TlogError } from "../errors.ts";
import { messageOf } from "../node/errno.ts";
import { addressIn, isPublicAddress } from "./public-address.ts";

export interface Delivery {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whether addresses that are not public may be connected to. */
  readonly isPrivateAllowed: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Delivered {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
}

/**
 * Posts; a redirect and a 101 are answers like others, and bodies of answers are not read.
 * @throws {TlogError} REMOTE_UNREACHABLE (also: an address that may not be connected to) | REMOTE_TIMEOUT | ABORTED
 */
export function post(delivery: Delivery, now: () => number): Promise<Delivered> {
  const { url, signal, timeoutMs } = delivery;
  return new Promise((resolve, reject) => {
    const request = begin(delivery);
    const timer = setTimeout(() => {
      request.destroy();
      reject(new TlogError("REMOTE_TIMEOUT", `${url.host}: no answer in ${timeoutMs} ms`));
    }, timeoutMs);
    const abort = (): void => {
      request.destroy();
      reject(new TlogError("ABORTED", "the log is shutting down"));
    };
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    const answered = ({ headers, statusCode }: IncomingMessage): void => {
      const retryAfterMs = parseRetryAfter(headers["retry-after"] ?? null, now());
      resolve({ status: statusCode ?? 0, retryAfterMs });
    };
    request.once("response", (response) => {
      response.destroy();
      answered(response);
    });
    // 101 comes as an event of its own, and its socket is left to whoever hears it.
    request.once("upgrade", (response, socket) => {
      socket.destroy();
      answered(response);
    });
    request.on("error", (error) => {
      reject(new TlogError("REMOTE_UNREACHABLE", `${url.host}: ${messageOf(error)}`, { cause: error }));
    });
    request.once("close", () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      // Whatever came before: nobody waits for an exchange that is over. After an answer this is not heard.
      reject(new TlogError("REMOTE_UNREACHABLE", `${url.host}: closed without an answer`));
    });
    request.end(delivery.body);
  });
}

function begin({ url, headers, body, isPrivateAllowed }: Delivery): ClientRequest {
  const options: RequestOptions = {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", "content-length": Buffer.byteLength(body) },
    // A connection for each: what its name stands for is looked at each time.
    agent: false,
    ...(isPrivateAllowed ? {} : { lookup: lookUpPublic }),
  };
  const address = addressIn(url);
  if (!isPrivateAllowed && address !== undefined && !isPublicAddress(address)) throw notPublic(address);
  return url.protocol === "https:" ? requestHttps(url, options) : requestHttp(url, options);
}

/** The address that is checked is the one that is connected to: a name server cannot give another one in between. */
const lookUpPublic: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    const refused = addresses?.find(({ address }) => !isPublicAddress(address));
    if (error !== null) callback(error, "", 0);
    else if (refused !== undefined) callback(notPublic(refused.address), "", 0);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first?.address ?? "", first?.family);
  });
};

function notPublic(address: string): TlogError {
  return new TlogError("REMOTE_UNREACHABLE", `${address} is no public address`);
}
