import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { verifyReceipt } from "../../client/receipts.ts";
import { TlogError } from "../../src/errors.ts";
import type { LogEvents } from "../../src/events.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import type { ToldLog } from "../../src/webhooks/messages.ts";
import { openWebhooks } from "../../src/webhooks/open-webhooks.ts";
import type { PlacesFile } from "../../src/webhooks/places.ts";
import { isPublicAddress } from "../../src/webhooks/public-address.ts";
import { parseSecrets, signatureHeaders } from "../../src/webhooks/signature.ts";
import { parseWebhookFile, type WebhookSettings } from "../../src/webhooks/webhook-file.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { openTestLog, publishEntries } from "../http/test-log.ts";

const SECRET = new Uint8Array(32).fill(7);

interface Received {
  readonly id: string;
  readonly isSigned: boolean;
  readonly type: string;
  readonly data: {
    readonly treeSize?: number;
    readonly checkpoint?: string;
    readonly entries?: readonly {
      readonly leafIndex: number;
      readonly entry: string;
      readonly receipt: string;
    }[];
  };
}

/** A receiver that answers as it is told, 204 in the end, and checks signatures. */
async function receiver(statuses: number[] = [], headers: Record<string, string> = {}) {
  const received: Received[] = [];
  const changed = new Set<() => void>();
  const server = createServer((incoming, outgoing) => {
    void readAll(incoming).then((body) => {
      const {
        "webhook-id": id,
        "webhook-timestamp": time,
        "webhook-signature": signature,
      } = incoming.headers;
      const wanted = createHmac("sha256", SECRET).update(`${id}.${time}.${body}`).digest("base64");
      received.push({ ...JSON.parse(body), id: String(id), isSigned: signature === `v1,${wanted}` });
      for (const wake of changed) wake();
      outgoing.writeHead(statuses.shift() ?? 204, headers).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => void server.close());
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/hook`;
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise<void>((resolve) => changed.add(resolve));
  };
  return { url, received, until };
}

async function readAll(incoming: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

function memoryFile(text?: string): PlacesFile & { text: string | undefined } {
  const file = {
    text: text as string | undefined,
    read: async () => file.text,
    replace: async (next: string) => {
      file.text = next;
    },
  };
  return file;
}

async function openFor(
  url: string,
  more: Partial<WebhookSettings> = {},
  file = memoryFile(),
  { size = 3, secrets = async (): Promise<readonly Uint8Array[]> => [SECRET] } = {},
) {
  const log = await openTestLog();
  await publishEntries(log, entries(0, size));
  const failures: Parameters<NonNullable<LogEvents["webhookFailed"]>>[0][] = [];
  const warnings: Parameters<NonNullable<LogEvents["warning"]>>[0][] = [];
  const waits: number[] = [];
  const settings: WebhookSettings = {
    ...{ name: "ci", url, secretFile: "", events: "entries", network: "private", timeoutSeconds: 5 },
    ...more,
  };
  const opened: (readonly [string, number])[] = [];
  const open = (shown: ToldLog = log) =>
    openWebhooks({
      log: shown,
      webhooks: [{ settings, secrets }],
      file,
      events: {
        webhookOpened: ({ name, treeSize }) => void opened.push([name, treeSize]),
        webhookFailed: (event) => void failures.push(event),
        warning: (event) => void warnings.push(event),
      },
      random: () => 1,
      sleep: (ms, signal) => {
        if (ms !== 250) waits.push(ms);
        return new Promise((resolve) => (signal.aborted ? resolve() : setImmediate(resolve)));
      },
    });
  const hooks = await open();
  onTestFinished(() => hooks.close().finally(() => log.close()));
  return { log, hooks, open, opened, file, failures, warnings, waits };
}

const entries = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => new TextEncoder().encode(`entry ${from + at}`));
const indicesOf = (received: readonly Received[]) =>
  received.flatMap(({ data }) => data.entries?.map(({ leafIndex }) => leafIndex) ?? []);

describe("webhooks", () => {
  test("tell entries in order with receipts that verify, signed, and write down how far", async () => {
    const { url, received, until } = await receiver();
    const { log, file } = await openFor(url, { from: 1 });
    await until(() => received.length === 1);
    await publishEntries(log, entries(3, 200));
    await until(() => indicesOf(received).includes(202));
    expect(indicesOf(received)).toEqual(Array.from({ length: 202 }, (_, at) => at + 1));
    expect(received.every(({ isSigned, type }) => isSigned && type === "entries.published")).toBe(true);
    const [first] = received[0]?.data.entries ?? [];
    const entry = new Uint8Array(Buffer.from(first?.entry ?? "", "base64"));
    const claim = { receipt: first?.receipt ?? "", entry, vkey: log.vkeys[0] ?? "" };
    expect(await verifyReceipt(claim)).toMatchObject({ leafIndex: 1 });
    while (file.text !== '{"ci":203}\n') await new Promise((resolve) => setImmediate(resolve));
  });

  test("send a message again until it is answered, the same by its id, ever more rarely, and as the receiver asks", async () => {
    const { url, received, until } = await receiver([500, 302, 503], { "retry-after": "7" });
    const { failures, waits } = await openFor(url, { from: 0 });
    await until(() => received.length === 4);
    expect(new Set(received.map(({ id }) => id)).size).toBe(1);
    expect(indicesOf(received.slice(3))).toEqual([0, 1, 2]);
    expect(failures.map(({ code, failures: count }) => [code, count])).toEqual([
      ["REMOTE_REFUSED", 1],
      ["REMOTE_REFUSED", 2],
      ["REMOTE_REFUSED", 3],
    ]);
    expect(waits).toEqual([8_000, 9_000, 11_000]);
  });

  test("take a receiver that wants another protocol for one that refused", async () => {
    const { url, received, until } = await receiver([101], { connection: "Upgrade", upgrade: "x" });
    const { failures } = await openFor(url, { from: 0 });
    await until(() => received.length === 2);
    expect(failures).toMatchObject([{ code: "REMOTE_REFUSED", message: "the receiver answered 101" }]);
  });

  test("begin with what is new, and go on after a restart where they were left", async () => {
    const { url, received, until } = await receiver();
    const { log, hooks, open, opened } = await openFor(url);
    await publishEntries(log, entries(3, 1));
    await until(() => received.length === 1);
    await hooks.close();
    await publishEntries(log, entries(4, 2));
    const again = await open();
    await until(() => indicesOf(received).includes(5));
    expect([...new Set(indicesOf(received))]).toEqual([3, 4, 5]);
    await again.close();
    expect(opened[0]).toEqual(["ci", 3]);
  });

  test("sign with the secrets of the moment", async () => {
    const { url, received, until } = await receiver();
    let secret = SECRET;
    const { log } = await openFor(url, { from: 0 }, memoryFile(), { secrets: async () => [secret] });
    await until(() => received.length === 1);
    secret = new Uint8Array(32).fill(8);
    await publishEntries(log, entries(3, 1));
    await until(() => received.length === 2);
    expect(received.map(({ isSigned }) => isSigned)).toEqual([true, false]);
  });

  test("tell a checkpoint of the same size once more when the log has ended, or has another key", async () => {
    const { url, received, until } = await receiver();
    const { log, hooks, open } = await openFor(url, { events: "checkpoints" });
    await hooks.close();
    const note = decodeUtf8(log.published().checkpoint);
    const [frozen, rekeyed, cosigned] = [
      note.replace("\n\n", "\nLog frozen — 2026-11-22T04:00:00Z\n\n"),
      note.replace(/(?<=— log.test\/http )..../, "abcd"),
      `${note}— witness.test/w AAAAAAAA\n`,
    ].map((text) => ({ ...log.published(), checkpoint: encodeUtf8(text) }));
    let shown = cosigned;
    const other = (): ToldLog => ({
      origin: log.origin,
      published: () => shown ?? log.published(),
      readEntries: (range) => log.readEntries(range),
      receiptBytes: (at) => log.receiptBytes(at),
    });
    const again = await open(other());
    shown = frozen;
    await until(() => received.length === 1);
    await again.close();
    shown = rekeyed;
    const third = await open(other());
    await until(() => received.length === 2);
    await third.close();
    expect(received.map(({ data }) => data.treeSize)).toEqual([3, 3]);
    expect(received[0]?.data.checkpoint).toContain("Log frozen");
    expect(new Set(received.map(({ id }) => id)).size).toBe(2);
  });

  test("tell the newest checkpoint, not each one that a receiver missed", async () => {
    const { url, received, until } = await receiver([500]);
    const { log } = await openFor(url, { events: "checkpoints", from: 0 });
    await until(() => received.length === 2);
    await publishEntries(log, entries(3, 5));
    await until(() => received.at(-1)?.data.treeSize === 8);
    expect(received.every(({ isSigned, type }) => isSigned && type === "checkpoint.published")).toBe(true);
  });

  test("send nothing more to a receiver that is gone", async () => {
    const { url, received, until } = await receiver([410]);
    const { log, hooks, failures } = await openFor(url, { from: 0 });
    await until(() => received.length === 1);
    await publishEntries(log, entries(3, 1));
    await hooks.close();
    expect(received).toHaveLength(1);
    expect(failures[0]?.message).toContain("410");
  });

  test("connect to no address that is not public, named or given", async () => {
    const { url, received } = await receiver();
    for (const host of ["127.0.0.1", "localhost"]) {
      const { failures, hooks } = await openFor(url.replace("127.0.0.1", host), {
        from: 0,
        network: "public",
      });
      while (failures.length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(failures[0]).toMatchObject({ code: "REMOTE_UNREACHABLE" });
      expect(failures[0]?.message).toContain("is no public address");
      await hooks.close();
    }
    expect(received).toEqual([]);
  });

  test("are told also while it cannot be written down how far, and the operator hears of it", async () => {
    const { url, received, until } = await receiver();
    const file = memoryFile();
    file.replace = () => Promise.reject(new TlogError("FILE_UNWRITABLE", "places cannot be written"));
    const { warnings } = await openFor(url, { from: 0 }, file);
    expect(warnings).toMatchObject([{ code: "FILE_UNWRITABLE" }]);
    await until(() => indicesOf(received).includes(2));
  });

  test("do not begin from places that are none", async () => {
    for (const text of [
      "",
      "[1",
      "[]",
      '{"ci":-1}',
      '{"ci":{"treeSize":1}}',
      '{"ci":{"treeSize":1,"told":"x"}}',
      '{"ci":"1"}',
      "null",
    ]) {
      await expectCodeAsync(openFor("http://127.0.0.1:1", {}, memoryFile(text)), "CONFIG_INVALID");
    }
  });
});

const NOT_PUBLIC = [
  ...["127.0.0.1", "10.1.2.3", "169.254.169.254", "172.31.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0"],
  ...["255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
  ...["2002:7f00:1::", "2001::1", "2001:db8::1", "localhost", "8.8.8", ""],
];

test.each<readonly [string, boolean]>([
  ["8.8.8.8", true],
  ["2606:4700::1111", true],
  ...NOT_PUBLIC.map((address) => [address, false] as const),
])("whether %s is a public address: %s", (address, isPublic) => {
  expect(isPublicAddress(address)).toBe(isPublic);
});

describe("the files of webhooks", () => {
  const good = { name: "ci", url: "https://ci.example/h", secretFile: "s", events: "entries" };
  const fileOf = (...webhooks: object[]) => JSON.stringify({ webhooks });

  test("have defaults, and nothing that is not known", () => {
    const defaults = { network: "public", timeoutSeconds: 15 };
    expect(parseWebhookFile(fileOf(good))).toEqual([{ ...good, ...defaults }]);
    expect(parseWebhookFile(fileOf())).toEqual([]);
    for (const text of [
      "{",
      "[]",
      fileOf(good, good),
      fileOf({ ...good, more: 1 }),
      fileOf({ ...good, name: "a b" }),
      fileOf({ ...good, url: "http://ci.example/h" }),
      fileOf({ ...good, url: "https://10.0.0.7/h" }),
      fileOf({ ...good, url: "https://[::1]/h" }),
      fileOf({ ...good, url: "https://user:word@ci.example/h", network: "private" }),
      fileOf({ ...good, url: "file:///etc/passwd", network: "private" }),
      fileOf({ ...good, events: "all" }),
      fileOf({ ...good, from: -1 }),
      fileOf({ ...good, timeoutSeconds: 61 }),
      fileOf(...Array.from({ length: 33 }, (_, at) => ({ ...good, name: `n${at}` }))),
    ]) {
      expectCode(() => parseWebhookFile(text), "CONFIG_INVALID");
    }
  });

  test("secrets sign as Standard Webhooks does, and are not quoted", () => {
    // The example of its reference libraries.
    const [secret] = parseSecrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    const message = {
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      timestampSeconds: 1614265330,
      body: '{"test": 2432232314}',
    };
    expect(signatureHeaders([secret ?? SECRET], message)["webhook-signature"]).toBe(
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    );
    const short = Buffer.alloc(23, 1).toString("base64");
    for (const text of [
      "",
      "whsec_",
      `whsec_${short}`,
      "sec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      "whsec_?\n",
      "a\nb\nc",
    ]) {
      try {
        parseSecrets(text);
        expect.unreachable(text);
      } catch (error) {
        expect(error).toBeInstanceOf(TlogError);
        expect(String(error)).not.toContain(short);
      }
    }
  });
});
