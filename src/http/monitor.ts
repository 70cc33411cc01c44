/** What the operator of a monitor may see: a page, the same as JSON, `/healthz`, `/readyz`, `/metrics`. For a listener of its own, never a public one. */
import type { LogStatus, MonitorStatus } from "../monitor/status.ts";
import { metricsRoutes } from "./admin.ts";
import { createApp, type HttpApp } from "./create-app.ts";
import { WRITE_HEADERS } from "./headers.ts";
import type { OnError } from "./problem.ts";
import type { ServedMetrics } from "./running-server.ts";

export function createMonitorApp(options: {
  readonly status: () => MonitorStatus;
  readonly metrics: Pick<ServedMetrics, "page"> | undefined;
  readonly onError?: OnError;
}): HttpApp {
  const { status, metrics } = options;
  const app = createApp(options.onError);
  app.route("/", metricsRoutes(metrics));
  app.get("/healthz", (c) => c.json({ status: "ok" }, 200, WRITE_HEADERS));
  app.get("/readyz", (c) => {
    const { isSaving, logs } = status();
    const answer = isSaving
      ? { status: "ok", logs: logs.length }
      : { status: "not-saving", message: "the state of a log cannot be written down: see the log lines" };
    return c.json(answer, isSaving ? 200 : 503, WRITE_HEADERS);
  });
  app.get("/status.json", (c) => c.json(statusJson(status()), 200, WRITE_HEADERS));
  app.get("/", (c) => c.html(page(status()), 200, { ...WRITE_HEADERS, "Content-Security-Policy": POLICY }));
  return app;
}

/** Times as people and programs read them; what is not known is left out. */
export function statusJson({ isSaving, logs }: MonitorStatus): object {
  return { saving: isSaving, logs: logs.map(logJson) };
}

function logJson(log: LogStatus): object {
  const { headSeenAtMs, checkedAtMs, alarms, quorum, isTold, ...rest } = log;
  const { cosignedAtSeconds, margin, witnesses } = quorum;
  return {
    ...rest,
    listening: isTold,
    headSeenAt: isoTime(headSeenAtMs),
    checkedAt: isoTime(checkedAtMs),
    quorum: {
      cosignedAt: isoTime(cosignedAtSeconds && cosignedAtSeconds * 1000),
      margin,
      witnesses: witnesses.map(({ name, cosignedAtSeconds: at }) => ({
        name,
        cosignedAt: isoTime(at && at * 1000),
      })),
    },
    alarms: alarms.map(({ sinceMs, ...alarm }) => ({ ...alarm, since: isoTime(sinceMs) })),
  };
}

/** Undefined also for a time that no date has: a witness may claim any. */
function isoTime(ms: number | undefined): string | undefined {
  if (ms === undefined) return undefined;
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** No script, no request: a page of strangers' words. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #8884;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#b3261e;font-weight:600}.dim{opacity:.7}
@media(prefers-color-scheme:dark){.bad{color:#ff8a80}}code{overflow-wrap:anywhere}.wide{overflow-x:auto}`;

function page({ isSaving, logs }: MonitorStatus): string {
  const alarms = logs.flatMap((log) => log.alarms.map((alarm) => ({ log, alarm })));
  const verdict =
    alarms.length === 0 ? "Nothing is wrong" : `${alarms.length} alarm${alarms.length === 1 ? "" : "s"}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="15"><title>${verdict} – bristlecone monitor</title><style>${STYLE}</style></head><body>
<h1>${alarms.length === 0 ? verdict : `<span class="bad">${verdict}</span>`}</h1>
${isSaving ? "" : '<p class="bad">The state of a log cannot be written down: see the log lines.</p>'}
${alarms.map(({ log, alarm }) => alarmHtml(log, alarm)).join("\n")}
<div class="wide"><table><thead><tr><th>Log<th class="n">Entries<th class="n">Verified<th class="n">Matches<th>Quorum<th>Other places<th>Last look</tr></thead>
<tbody>${logs.map(rowHtml).join("\n")}</tbody></table></div>
<p class="dim"><a href="/status.json">status.json</a> · <a href="/metrics">metrics</a> · times are UTC</p>
</body></html>
`;
}

function alarmHtml({ origin }: LogStatus, alarm: LogStatus["alarms"][number]): string {
  const { kind, sinceMs, message } = alarm;
  return `<p><span class="bad">${escaped(kind)}</span> ${escaped(origin)}, since ${escaped(isoTime(sinceMs) ?? "")}: ${escaped(message)}</p>`;
}

function rowHtml(log: LogStatus): string {
  const { origin, url, treeSize, readSize, matches, quorum, places, checkedAtMs, failure, isTold } = log;
  const cosigned = isoTime(quorum.cosignedAtSeconds && quorum.cosignedAtSeconds * 1000);
  const quorumText =
    quorum.margin === undefined
      ? "none asked for"
      : `${cosigned ?? "time unknown"}, ${quorum.margin} to spare`;
  const placesText = places.map(
    ({ name, verdict, treeSize: size }) =>
      `${name}: ${verdict ?? "not asked yet"}${size === undefined ? "" : ` (${grouped(size)})`}`,
  );
  const look = `${isoTime(checkedAtMs) ?? "not yet"}${isTold ? ", and listening" : ""}${failure === undefined ? "" : `: ${failure.message}`}`;
  return `<tr><td>${escaped(origin)}<br><code class="dim">${escaped(url)}</code><td class="n">${grouped(treeSize)}<td class="n">${grouped(readSize)}<td class="n">${grouped(matches)}<td>${escaped(quorumText)}<td>${placesText.map(escaped).join("<br>")}<td>${escaped(look)}</tr>`;
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}
