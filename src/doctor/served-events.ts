/** Whether what the log tells by itself comes through to readers, as it is told: spec/push.md. */
import { eventParser } from "../../client/event-parser.ts";
import { type FetcherOptions, openFetcher } from "../../client/fetcher.ts";
import { TlogError } from "../errors.ts";
import { messageOf } from "../node/errno.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import { encodeUtf8 } from "../tlog/encoding.ts";
import type { VerifierKey } from "../tlog/key.ts";
import { fail, type Outcome, ok, type Sheet, warn } from "./check.ts";

export interface EventsLook {
  readonly url: string;
  /** Of a head that was seen there: a stream that begins with an older one was kept somewhere. */
  readonly treeSize: number;
  readonly logKeys: readonly VerifierKey[];
  readonly remote?: Pick<FetcherOptions, "fetch" | "sleep">;
}

/** A log tells its newest checkpoint at once: what takes longer was held back. */
const FIRST_EVENT_MS = 5_000;
/** A note of 64 KiB, and as much again for what precedes its lines. */
const MAX_EVENT_CHARS = 131_072;

const UNBUFFERED =
  "have proxy and CDN hand on /events as it comes: no buffering (nginx: proxy_buffering off), no compression, and a read timeout above 45 s; until then readers ask again and again, and streams are kept for nobody";

export async function lookAtEvents(sheet: Sheet, look: EventsLook): Promise<void> {
  await sheet.look({ check: "public-events", of: look.url, see: (signal) => seeEvents(look, signal) });
}

async function seeEvents(look: EventsLook, signal: AbortSignal): Promise<Outcome> {
  const fetcher = openFetcher(look.url, look.remote);
  const late = new TlogError("REMOTE_TIMEOUT", "no event");
  const startedMs = performance.now();
  try {
    const heard = await fetcher.within({ timeoutMs: FIRST_EVENT_MS, late, signal }, async (limited) => {
      const headers = { accept: "text/event-stream" };
      return await firstEvent(await fetcher.open({ path: "events", headers, signal: limited }));
    });
    if ("verdict" in heard) return heard;
    return await judgeEvent(heard, look, `in ${Math.round(performance.now() - startedMs)} ms`);
  } catch (error) {
    if (error === late) {
      const span = `${FIRST_EVENT_MS / 1000} s`;
      return warn(
        `nothing of GET events came in ${span}, and the log tells its checkpoint at once`,
        UNBUFFERED,
      );
    }
    if (error instanceof TlogError) throw error;
    return warn(`GET events was not answered to its first event: ${messageOf(error)}`, UNBUFFERED);
  }
}

interface Heard {
  readonly note: Uint8Array;
  readonly cacheControl: string;
}

async function firstEvent({ status, headers, body }: Response): Promise<Heard | Outcome> {
  const type = headers.get("content-type") ?? "";
  if (status === 503 || status === 429) {
    const advice =
      "see bristlecone_log_listeners, and who opens so many streams; readers ask again and again meanwhile";
    return warn(`GET events is answered ${status}`, advice);
  }
  if (status !== 200 || !/^text\/event-stream *(;|$)/i.test(type) || body === null) {
    return warn(
      `GET events is answered ${status}, ${type === "" ? "without a type" : type}: want 200, text/event-stream`,
      "have the proxy pass /events to the log; until then readers ask again and again",
    );
  }
  const parse = eventParser(MAX_EVENT_CHARS);
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    const events = done ? [] : parse(value);
    const told = events?.find(({ type: kind }) => kind === "checkpoint");
    if (told !== undefined) {
      return { note: encodeUtf8(told.data), cacheControl: headers.get("cache-control") ?? "" };
    }
    if (events === undefined || done)
      return warn("what came of GET events ended before its first checkpoint, or is no stream", UNBUFFERED);
  }
}

async function judgeEvent({ note, cacheControl }: Heard, look: EventsLook, took: string): Promise<Outcome> {
  const keep = "have caches keep nothing of /events: it says Cache-Control: no-store";
  try {
    const { treeSize } = await openCheckpoint({ signedNote: note, logKeys: look.logKeys });
    const words = `a checkpoint of size ${treeSize}, ${took}`;
    if (treeSize < look.treeSize) {
      return warn(`${words}, after one of size ${look.treeSize} was served: something keeps streams`, keep);
    }
    if (!/\bno-store\b/i.test(cacheControl))
      return warn(`${words}, with Cache-Control "${cacheControl}"`, keep);
    return ok(words);
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return fail(
      `what is told there is not of this log with this key: ${error.message} [${error.code}]`,
      "see where the URL leads",
    );
  }
}
