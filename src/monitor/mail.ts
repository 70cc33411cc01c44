/** Alerts as a mail: RFC 5322, text in UTF-8. Whatever strangers wrote stands in the body, in base64: it is no header and no line that ends the mail. */
import { encodeBase64, encodeUtf8 } from "../tlog/encoding.ts";
import { type Alert, alertJson } from "./alert.ts";
import type { AlertMessage } from "./delivery.ts";

/** RFC 2045 §6.8: at most 76 characters a line. */
const LINE_LENGTH = 76;
/** What one encoded word of 75 characters holds.  RFC 2047 §2 */
const WORD_BYTES = 42;

export function mailText(
  { id, alerts }: AlertMessage,
  { to, from, nowMs }: { readonly to: string; readonly from: string; readonly nowMs: number },
): string {
  const body = encodeBase64(encodeUtf8(alerts.map(alertText).join("\n\n")));
  return [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subjectOf(alerts)}`,
    `Date: ${new Date(nowMs).toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${id}@bristlecone.invalid>`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    ...(body.match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? []),
    "",
  ].join("\r\n");
}

/** "[bristlecone] fork: log.example.com/2026 (and 2 more)" */
function subjectOf([first, ...others]: readonly Alert[]): string {
  const kind = first?.isResolved ? `${first.kind} is over` : (first?.kind ?? "");
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  const text = `[bristlecone] ${kind}: ${first?.origin ?? ""}${more}`;
  return /^[ -~]{1,200}$/.test(text) ? text : encodedWords(text);
}

function encodedWords(text: string): string {
  const words: string[] = [];
  let word = "";
  for (const char of text.slice(0, 200)) {
    if (encodeUtf8(word + char).length > WORD_BYTES) {
      words.push(word);
      word = "";
    }
    word += char;
  }
  return [...words, word].map((part) => `=?utf-8?B?${encodeBase64(encodeUtf8(part))}?=`).join("\r\n ");
}

function alertText(alert: Alert): string {
  const { message, ...rest } = alertJson(alert);
  const lines = Object.entries(rest).map(
    ([name, value]) => `${name}: ${Array.isArray(value) ? value.join(", ") : value}`,
  );
  return [message, ...lines].join("\n");
}
