/** "evidence-<origin>-<index>.zip": the entry, its receipt, the policy, and a page that verifies them with no network. */
import { encodeBase64, encodeUtf8, sha256 } from "../client/inspect.ts";
import { download } from "./dom.ts";
import { linkedScript } from "./linked-script.ts";
import type { Place } from "./place.ts";
import type { PageTrust } from "./trust.ts";
import { timeText } from "./words.ts";
import { zipOf } from "./zip.ts";

export interface Packed {
  readonly place: Pick<Place, "packUrls" | "styleUrl" | "logUrl">;
  readonly entry: Uint8Array;
  readonly receipt: string;
  readonly leafIndex: number;
  readonly trust: PageTrust;
}

/** Makes the pack and lets the browser save it. Rejects when the page for it cannot be fetched. */
export async function saveEvidencePack(packed: Packed): Promise<void> {
  const { entry, receipt, leafIndex, trust, place } = packed;
  const [style, ...modules] = await Promise.all([place.styleUrl, ...place.packUrls].map(textAt));
  const script = linkedScript(
    place.packUrls.map((url, at) => ({ name: fileName(url), text: modules[at] ?? "" })),
  );
  const madeAt = timeText(Math.floor(Date.now() / 1000));
  const data = {
    entry: encodeBase64(entry),
    receipt,
    policy: trust.policyText,
    logUrl: place.logUrl,
    madeAt,
  };
  const name = `evidence-${trust.origin.replace(/[^\w.-]+/g, "_")}-${leafIndex}`;
  const files = [
    { name: `${name}/entry`, bytes: entry },
    { name: `${name}/receipt.tlog-proof`, bytes: encodeUtf8(receipt) },
    { name: `${name}/policy.txt`, bytes: encodeUtf8(trust.policyText) },
    {
      name: `${name}/verify.html`,
      bytes: encodeUtf8(pageOf({ script, style, data, leafIndex, origin: trust.origin })),
    },
    { name: `${name}/README.txt`, bytes: encodeUtf8(readme(trust.origin, leafIndex, madeAt)) },
  ];
  download(`${name}.zip`, zipOf(files), "application/zip");
}

function fileName(url: string): string {
  return url.slice(url.lastIndexOf("/") + 1);
}

async function textAt(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) throw new TypeError(`${url}: ${response.status}`);
  return response.text();
}

/** One file without a reference to any other; its own policy lets it run nothing but this script, and fetch nothing. */
function pageOf(page: {
  readonly script: string;
  readonly style: string | undefined;
  readonly data: object;
  readonly leafIndex: number;
  readonly origin: string;
}): string {
  const { script, style = "", data, leafIndex, origin } = page;
  const hashOf = (text: string) => `'sha256-${encodeBase64(sha256(encodeUtf8(text)))}'`;
  const policy = `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;
  const title = `Entry ${leafIndex} of ${origin}`.replace(
    /[&<>"]/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
  // What could end the element it stands in is escaped.
  const json = JSON.stringify(data).replace(/</g, "\\u003c");
  return [
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">',
    `<title>${title}</title>`,
    `<style>${style}</style>`,
    '<main id="main" class="pack"><noscript>This page verifies its content with a script of its own, which this browser does not run.</noscript></main>',
    `<script type="application/json" id="pack">${json}</script>`,
    `<script>${script}</script>\n</html>\n`,
  ].join("\n");
}

function readme(origin: string, leafIndex: number, madeAt: string): string {
  return `Entry ${leafIndex} of the transparency log ${origin}, saved ${madeAt}.

verify.html           open it in a browser; it verifies the rest by itself, without a network
entry                 the bytes that were logged
receipt.tlog-proof    proof and signed checkpoint, format c2sp.org/tlog-proof
policy.txt            whose signatures count, format c2sp.org/tlog-policy

The policy is that of whoever saved this. Compare its keys with those that you know, or verify with your own policy:

  npx bristlecone verify receipt.tlog-proof --entry entry --policy policy.txt
`;
}
