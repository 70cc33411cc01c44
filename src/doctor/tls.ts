/** Certificates: the file that the server speaks TLS with, and what readers are shown at the public URLs. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { connect } from "node:tls";
import { TlogError } from "../errors.ts";
import { readTls } from "../http/tls.ts";
import { codeOf, messageOf } from "../node/errno.ts";
import { fail, type Outcome, ok, type Sheet, skipped, unknown, warn } from "./check.ts";
import { modeOf } from "./file-modes.ts";
import { inTime } from "./words.ts";

export interface TlsLook {
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Where readers see the log. */
  readonly urls: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const DAY_MS = 86_400_000;
/** Who renews automatically does so a month or, of short-lived ones, days before. */
const SOON_MS = 14 * DAY_MS;
const TIMEOUT_MS = 10_000;

export async function lookAtTls(sheet: Sheet, look: TlsLook): Promise<void> {
  const { certFile, keyFile, urls, now } = look;
  await sheet.look({ check: "tls-files", of: certFile, see: () => seeFiles(look) });
  if (keyFile !== undefined)
    await sheet.look({ check: "tls-key-mode", of: keyFile, see: () => seeKeyMode(keyFile) });
  for (const url of urls.filter((one) => one.startsWith("https:"))) {
    await sheet.look({ check: "tls-public", of: url, see: (signal) => seePublic(url, now(), signal) });
  }
}

async function seeFiles({ certFile, keyFile, urls, now }: TlsLook): Promise<Outcome> {
  if (certFile === undefined && keyFile === undefined)
    return skipped("the server speaks plain HTTP: a proxy may speak TLS");
  if (certFile === undefined || keyFile === undefined) {
    return fail("--tls-cert and --tls-key: one of them is not given", "give both, or none");
  }
  try {
    readTls({ certFile, keyFile });
    const certificate = new X509Certificate(await readFile(certFile));
    const names = urls.map((url) => new URL(url).hostname);
    const missing = names.find(
      (name) => certificate.checkHost(name) === undefined && certificate.checkIP(name) === undefined,
    );
    const words = `for ${certificate.subjectAltName ?? certificate.subject}`;
    if (missing !== undefined && names.every((name) => certificate.checkHost(name) === undefined)) {
      return warn(
        `${words}, and not for ${missing}`,
        "fine behind a proxy with a certificate of its own, else get one for that name",
      );
    }
    return judgeDates(words, { from: certificate.validFrom, to: certificate.validTo }, now());
  } catch (error) {
    const words = error instanceof TlogError ? `${error.message} [${error.code}]` : messageOf(error);
    return fail(words, "give the certificate's chain and its own key, both PEM");
  }
}

function judgeDates(
  words: string,
  valid: { readonly from: string; readonly to: string },
  nowMs: number,
): Outcome {
  const leftMs = Date.parse(valid.to) - nowMs;
  const renew = "renew it; `serve` reads files that change by itself";
  if (Date.parse(valid.from) > nowMs)
    return fail(`${words}, valid from ${valid.from} on only`, "see that the clock is right");
  if (leftMs <= 0) return fail(`${words}, expired ${inTime(leftMs)} ago`, renew);
  const still = `${words}, valid for ${inTime(leftMs)}`;
  return leftMs < SOON_MS ? warn(still, renew) : ok(still);
}

async function seeKeyMode(keyFile: string): Promise<Outcome> {
  const found = await modeOf(keyFile);
  if (found === undefined) return fail("there is no such file", "name the key with --tls-key");
  if (found.mode.endsWith("0")) return ok(`mode ${found.mode}`);
  return warn(`mode ${found.mode}: every user of this machine may use it`, `chmod o= ${keyFile}`);
}

async function seePublic(url: string, nowMs: number, signal: AbortSignal): Promise<Outcome> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const shown = await shownCertificate({ host, port: port === "" ? 443 : Number(port) }, signal);
  if (typeof shown === "string") {
    return unknown(
      `no certificate came: ${shown}`,
      "see that the name resolves and the port is open, from here too",
    );
  }
  if (shown.reason !== undefined) {
    return fail(`readers refuse it: ${shown.reason}`, "serve the whole chain of a certificate for this name");
  }
  return judgeDates(`for ${shown.names}`, shown, nowMs);
}

interface Shown {
  readonly names: string;
  readonly from: string;
  readonly to: string;
  /** Why it is not trusted. */
  readonly reason: string | undefined;
}

/** @returns why there is none, as an errno. */
function shownCertificate(
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Shown | string> {
  return new Promise((settle) => {
    const servername = /^[\d.]+$|:/.test(host) ? undefined : host;
    // Looked at, not trusted: nothing is sent on it.
    const socket = connect({ host, port, ...(servername && { servername }), rejectUnauthorized: false });
    const stop = (why: string) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      socket.destroy();
      settle(why);
    };
    const abort = () => stop("ABORTED");
    const timer = setTimeout(() => stop(`no answer in ${TIMEOUT_MS / 1000} s`), TIMEOUT_MS);
    signal.addEventListener("abort", abort);
    socket.on("error", (error) => stop(codeOf(error)));
    socket.once("secureConnect", () => {
      const { subjectaltname, subject, valid_from: from, valid_to: to } = socket.getPeerCertificate();
      const reason = socket.authorized ? undefined : messageOf(socket.authorizationError);
      settle({ names: subjectaltname ?? String(subject.CN), from, to, reason });
      stop("");
    });
  });
}
