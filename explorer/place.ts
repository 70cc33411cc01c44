/** Where the log of this page is, and whom the page was made to trust: attributes of its root element, written by who deploys it. */

export interface Place {
  /** Absolute, with a slash at its end. */
  readonly logUrl: string;
  /** A C2SP policy that was deployed with the page. */
  readonly policyUrl: string | undefined;
  /** Which log of that policy this is; undefined: the one the log says it is, if the policy has a key of it. */
  readonly origin: string | undefined;
  /** Heads that the log kept, where its own server says so. */
  readonly headsUrl: string | undefined;
  /** The modules of pages that verify one entry without a network, each after those it imports. */
  readonly packUrls: readonly string[];
  readonly styleUrl: string;
}

export function placeOfPage(): Place {
  const { log = "./", policy, origin, heads, pack = "", style = "" } = document.documentElement.dataset;
  const absolute = (path: string) => new URL(path, document.baseURI).href;
  const base = new URL(log.endsWith("/") ? log : `${log}/`, document.baseURI);
  return {
    logUrl: `${base.origin}${base.pathname}`,
    policyUrl: policy === undefined || policy === "" ? undefined : absolute(policy),
    origin,
    headsUrl: heads === undefined ? undefined : absolute(heads),
    packUrls: pack.split(" ").map(absolute),
    styleUrl: absolute(style),
  };
}
