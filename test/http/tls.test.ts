import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { connect, type PeerCertificate, TLSSocket } from "node:tls";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import type { ListenLimits } from "../../src/http/limits.ts";
import { listen } from "../../src/http/listen.ts";
import { readTls, type TlsFiles } from "../../src/http/tls.ts";
import { encodeBundle } from "../../src/tlog/entry-bundle.ts";
import { makeCertificate } from "../certificate.ts";
import { expectCode } from "../expect-code.ts";
import { RawClient } from "./raw-client.ts";
import { get } from "./served-log.ts";
import { openLogOfSize, openTestLog, publishEntries, testApp } from "./test-log.ts";

/** A fresh self-signed certificate for a name, where openssl is there to make it. */
function newCertificate(name: string): TlsFiles {
  const folder = mkdtempSync(join(inject("scratch"), "tls-"));
  return { ...makeCertificate(folder, name), lookEveryMs: 20 };
}

function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function serveTls(
  tls: TlsFiles,
  limits: Partial<ListenLimits> = {},
  other?: ReturnType<typeof testApp>,
) {
  const { log, app: own } = await openLogOfSize(3);
  const app = other ?? own;
  const failures: unknown[] = [];
  const onError = ({ error }: { readonly error: unknown }) => void failures.push(error);
  const listener = await listen({ app, host: "127.0.0.1", port: 0, tls, limits, onError });
  onTestFinished(() => listener.close({ deadlineMs: 0 }));
  return { log, failures, listener, url: listener.url };
}

interface Answered {
  readonly status: number | undefined;
  readonly body: string;
  readonly certificate: string;
}

function ask(url: string, { body, ...headers }: Record<string, string> = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const outgoing = request(
      url,
      { method, headers, rejectUnauthorized: false, agent: false },
      (response) => {
        let text = "";
        const certificate =
          response.socket instanceof TLSSocket ? response.socket.getPeerCertificate() : undefined;
        response.setEncoding("latin1");
        response.on("data", (piece) => {
          text += piece;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode, body: text, certificate: nameOf(certificate) }),
        );
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function nameOf(certificate: PeerCertificate | undefined): string {
  const name = certificate?.subject.CN;
  return typeof name === "string" ? name : "";
}

describe.skipIf(!hasOpenssl())("TLS", () => {
  const first = newCertificate("first.example");
  const second = newCertificate("second.example");

  test("serves the same routes, and knows its own pages by https", async () => {
    const { url, log } = await serveTls(first);
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect((await ask(`${url}/entry/1`)).body).toBe("entry 1");
    expect(JSON.parse((await ask(`${url}/log.json`)).body)).toMatchObject({ origin: log.origin });
    expect(await ask(`${url}/add`, { body: "x", Origin: url })).toMatchObject({ status: 200, body: "3" });
    const foreign = url.replace("https", "http");
    expect((await ask(`${url}/add`, { body: "y", Origin: foreign })).status).toBe(403);
    // A target in absolute form goes the long way.
    expect((await ask(`${url}/add?`, { body: "z", Origin: url, Host: new URL(url).host })).status).toBe(200);
  });

  test("a large answer comes whole, in pieces as its reader takes them, and is dropped when that leaves", async () => {
    const log = await openTestLog();
    const entries = Array.from({ length: 40 }, (_, at) => new Uint8Array(65_535).fill(at));
    await publishEntries(log, entries);
    const { url } = await serveTls(first, {}, testApp(log));
    const { body } = await ask(`${url}/tile/entries/000.p/40`);
    expect(Buffer.from(body, "latin1").equals(Buffer.from(encodeBundle(entries)))).toBe(true);
    const { hostname, port } = new URL(url);
    const leaving = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
    leaving.write(get("/tile/entries/000.p/40"));
    await new Promise((resolve) => leaving.once("data", resolve));
    leaving.destroy();
    expect((await ask(`${url}/checkpoint`)).status).toBe(200);
  });

  test("a certificate that was renewed is shown to the next connection", async () => {
    const files = newCertificate("old.example");
    const { url } = await serveTls(files);
    expect((await ask(`${url}/checkpoint`)).certificate).toBe("old.example");
    copyFileSync(second.keyFile, files.keyFile);
    copyFileSync(second.certFile, files.certFile);
    await vi.waitFor(
      async () => expect((await ask(`${url}/checkpoint`)).certificate).toBe("second.example"),
      5000,
    );
  });

  test("one that was renewed while the server began to listen is shown too", async () => {
    const files = newCertificate("old.example");
    const serving = listen({ app: testApp(await openTestLog()), host: "127.0.0.1", port: 0, tls: files });
    copyFileSync(second.keyFile, files.keyFile);
    copyFileSync(second.certFile, files.certFile);
    const { url, close } = await serving;
    onTestFinished(() => close({ deadlineMs: 0 }));
    await vi.waitFor(
      async () => expect((await ask(`${url}/checkpoint`)).certificate).toBe("second.example"),
      5000,
    );
  });

  test("a renewed certificate without its key is told, and changes nothing", async () => {
    const files = newCertificate("old.example");
    const { url, failures } = await serveTls(files);
    copyFileSync(second.certFile, files.certFile);
    await vi.waitFor(() => expect(failures).toHaveLength(1), 5000);
    expect(failures[0]).toMatchObject({ code: "CONFIG_INVALID" });
    expect((await ask(`${url}/checkpoint`)).certificate).toBe("old.example");
  });

  test("files that are missing, no PEM, or of two certificates are refused before anything listens", () => {
    expectCode(() => readTls({ ...first, keyFile: second.keyFile }), "CONFIG_INVALID");
    expectCode(() => readTls({ ...first, certFile: first.keyFile }), "CONFIG_INVALID");
    expectCode(() => readTls({ ...first, certFile: "/nonexistent" }), "FILE_UNREADABLE");
  });

  test("who speaks plain HTTP, or stops in the handshake, is cut; others are served", async () => {
    const { url } = await serveTls(first, { headersTimeoutMs: 200 });
    const plain = await RawClient.open(url);
    plain.send(get("/checkpoint"));
    const silent = await RawClient.open(url);
    expect(await plain.untilClosed()).not.toContain("200");
    expect((await ask(`${url}/checkpoint`)).status).toBe(200);
    expect(await silent.untilClosed()).toBe("");
  });

  test("one in the handshake, or after it without a request, does not hold up the closing", async () => {
    const { url, listener } = await serveTls(first);
    const silent = await RawClient.open(url);
    const { hostname, port } = new URL(url);
    const secured = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
    await new Promise((resolve) => secured.once("secureConnect", resolve));
    // Far below the deadline, after which every connection is cut.
    await listener.close({ deadlineMs: 1_000_000 });
    await silent.untilClosed();
    secured.destroy();
  });
});
