import type { IncomingMessage } from "node:http";
import type { HotHandler, HotRoute, Site } from "./exchange.ts";
import { untilQuery } from "./path.ts";
import { talliedRoute } from "./request-tally.ts";

/** A plain request: what serves it, and whom it addresses. */
export interface PlainRequest {
  readonly handle: HotHandler;
  /** What it is counted under: {@link talliedRoute}. */
  readonly route: number;
  readonly site: Site;
}

/**
 * Says which requests are served without the framework: those of a hot route that are as plain as almost every request is. It
 * never refuses one: whatever has anything unusual about it (another method, an unusual Host or target, HTTP/1.0, a GET with a
 * body) goes through hono, which has all the rules.
 */
export class PlainRequests {
  readonly #reads: RouteTable;
  readonly #writes: RouteTable;
  readonly #sites: Sites;

  /** @param scheme - how clients come, which their pages' origins begin with. */
  constructor(routes: readonly HotRoute[], scheme: "http" | "https" = "http") {
    this.#sites = new Sites(scheme);
    this.#reads = routeTable(routes, "GET");
    this.#writes = routeTable(routes, "POST");
  }

  /** @returns undefined when hono shall serve the request. */
  recognise({ method, url, httpVersion, rawHeaders }: IncomingMessage): PlainRequest | undefined {
    const isRead = method === "GET" || method === "HEAD";
    const table = isRead ? this.#reads : method === "POST" ? this.#writes : undefined;
    if (table === undefined || url === undefined || httpVersion !== "1.1") return undefined;
    const found = table.exact.get(url) ?? (PLAIN_TARGET.test(url) ? find(table, untilQuery(url)) : undefined);
    if (found === undefined) return undefined;
    const host = plainHost(rawHeaders, !isRead);
    const site = host === undefined ? undefined : this.#sites.find(host);
    return site === undefined ? undefined : { handle: found.handle, route: found.route, site };
  }
}

/** Characters that no URL parser changes, and a query without escapes. */
const PLAIN_TARGET = /^\/[A-Za-z0-9._~/-]*(?:\?[A-Za-z0-9._~=&,-]*)?$/;

interface Found {
  readonly handle: HotHandler;
  readonly route: number;
}

interface RouteTable {
  readonly exact: ReadonlyMap<string, Found>;
  readonly below: readonly (Found & { readonly prefix: string; readonly isOneSegment: boolean })[];
}

function routeTable(routes: readonly HotRoute[], method: HotRoute["method"]): RouteTable {
  const own = routes.filter((route) => route.method === method);
  const isBelow = ({ path }: HotRoute) => /\/(?:\*|:\w+)$/.test(path);
  return {
    exact: new Map(
      own
        .filter((route) => !isBelow(route))
        .map(({ path, handle }) => [path, { handle, route: talliedRoute(path) }]),
    ),
    below: own.filter(isBelow).map(({ path, handle }) => ({
      prefix: path.slice(0, path.lastIndexOf("/") + 1),
      isOneSegment: !path.endsWith("*"),
      handle,
      route: talliedRoute(path),
    })),
  };
}

function find({ exact, below }: RouteTable, path: string): Found | undefined {
  const found = exact.get(path);
  if (found !== undefined) return found;
  for (const place of below) {
    const { prefix, isOneSegment } = place;
    if (!path.startsWith(prefix)) continue;
    if (!isOneSegment || (path.length > prefix.length && !path.includes("/", prefix.length))) return place;
  }
  return undefined;
}

/** The one Host of the request; undefined without one, with two, for an upgrade, and for a read that has a body. */
function plainHost(rawHeaders: readonly string[], mayHaveBody: boolean): string | undefined {
  let host: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") {
      if (host !== undefined) return undefined;
      host = rawHeaders[at + 1];
    } else if (isUnusual(name, mayHaveBody)) {
      return undefined;
    }
  }
  return host;
}

/** Upgrade changes how Node reads what follows. */
function isUnusual(name: string, mayHaveBody: boolean): boolean {
  if (name.length === 7) return name.toLowerCase() === "upgrade";
  if (mayHaveBody) return false;
  if (name.length === 14) return name.toLowerCase() === "content-length";
  return name.length === 17 && name.toLowerCase() === "transfer-encoding";
}

/** Names with an optional port that a URL parser leaves as they are. IPv6 addresses go through hono. */
const PLAIN_HOST = /^[a-z0-9._-]+(?::[1-9]\d{0,4})?$/;

/** A log has few names, and clients may make up many. */
const MAX_SITES = 64;

/** What URL makes of a Host header, parsed once for each. */
class Sites {
  readonly #scheme: string;
  readonly #known = new Map<string, Site>(); // owned by find()

  constructor(scheme: string) {
    this.#scheme = scheme;
  }

  find(host: string): Site | undefined {
    return this.#known.get(host) ?? this.#parse(host);
  }

  #parse(host: string): Site | undefined {
    const url = `${this.#scheme}://${host}/`;
    if (!PLAIN_HOST.test(host) || !URL.canParse(url)) return undefined;
    const { hostname, origin } = new URL(url);
    if (hostname !== host.replace(/:.*/, "")) return undefined; // "127.1", which means 127.0.0.1.
    if (this.#known.size >= MAX_SITES) this.#known.clear();
    const site = { hostname, origin };
    this.#known.set(host, site);
    return site;
  }
}
