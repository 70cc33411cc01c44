import { parseRetryAfter } from "../../../client/backoff.ts";
import { decodeJsonObject } from "../../../client/routes.ts";
import { openSplitter, type SplitRule } from "../../../src/cli/split-entries.ts";
import { formatTokenLine, parseTokenFile } from "../../../src/cli/token-file.ts";
import { openConfig } from "../../../src/config.ts";
import { TlogError } from "../../../src/errors.ts";
import { preferredType, preferredWaitSeconds, prefersGzip } from "../../../src/http/negotiate.ts";
import { parseQuery, parseQueryNumbers } from "../../../src/http/parameters.ts";
import { formatSlot, newestSlotIn, SLOT_BYTES } from "../../../src/keys/guard-slots.ts";
import { isSettingName } from "../../../src/settings.ts";
import { assertSameText, assertTrue, bytesOf, Fault, type Target, textOf } from "../target.ts";

const TYPES = ["text/plain", "application/json", "text/x.tlog.proof"] as const;
const YEAR_MS = 366 * 86_400_000;

export const HTTP_PARTS: readonly Target[] = [
  {
    name: "query",
    seeds: () =>
      ["leafIndex=1&treeSize=2", "treeSize=2&leafIndex=1", "leafIndex=%31&treeSize=+2", "a=b"].map(bytesOf),
    run(input) {
      const names = ["leafIndex", "treeSize"] as const;
      parseQuery(textOf(input), names);
      const [leafIndex, treeSize] = parseQueryNumbers(textOf(input), names);
      assertTrue(Number.isSafeInteger(leafIndex) && Number.isSafeInteger(treeSize), "no safe integers");
    },
  },
  {
    name: "negotiate",
    seeds: () =>
      [
        "text/x.tlog.proof",
        "application/json;q=0.5, text/*;q=0.4, */*;q=0.1",
        "gzip;q=1.0, identity; q=0.5, *;q=0",
        "wait=10, respond-async",
        'handling=lenient; wait="5"',
      ].map(bytesOf),
    run(input) {
      const header = Buffer.from(input).toString("latin1");
      assertTrue(TYPES.includes(preferredType(header, TYPES)), "a type that was not offered");
      prefersGzip(header);
      const seconds = preferredWaitSeconds(header);
      assertTrue(seconds === undefined || Number.isSafeInteger(seconds), "a wait without end");
    },
  },
  {
    name: "retry-after",
    seeds: () => ["0", "120", "Wed, 21 Oct 2026 07:28:00 GMT"].map(bytesOf),
    run(input) {
      const ms = parseRetryAfter(textOf(input), 1_700_000_000_000);
      assertTrue(ms === undefined || (ms >= 0 && ms < 280_000 * YEAR_MS), `waits ${ms} ms`);
    },
  },
  {
    name: "json-object",
    seeds: () => ['{"leafIndex":17}', "{}", "[]", '{"__proto__":{"a":1}}'].map(bytesOf),
    run(input) {
      const members = decodeJsonObject(input);
      assertTrue(Object.getPrototypeOf(members) === Object.prototype, "a prototype that came over the wire");
    },
  },
  {
    name: "config",
    seeds: () =>
      [
        '{"listen":"127.0.0.1:6962","data":"./data"}',
        '{"listen":"[::1]:0","readers":"2","duplicates":"allow","openWrites":"true"}',
        `{"tokenHash":"${"0a".repeat(32)},${"0b".repeat(32)}","log":"https://log.example"}`,
        '{"witnessedLogs":["a+b+c https://x"],"logLists":["https://x/list"],"origin":"example.com/log","timeout":5}',
      ].map(bytesOf),
    run(input) {
      const flags = jsonObject(input);
      const config = openConfig({ flags, environment: {}, directory: "/nonexistent" });
      for (const name of Object.keys(flags)) {
        if (!isSettingName(name)) continue;
        try {
          config.value(name);
        } catch (error) {
          if (!(error instanceof TlogError)) throw error;
        }
      }
    },
  },
  {
    name: "guard",
    seeds: () => [
      formatSlot({ sequence: 12, record: GUARD_RECORD }),
      formatSlot({
        sequence: 1,
        record: { ...GUARD_RECORD, signed: undefined, nextLineage: "cd".repeat(16) },
      }),
      new Uint8Array(2 * SLOT_BYTES),
    ],
    run(input) {
      const slot = newestSlotIn(input, "guard");
      const formatted = formatSlot(slot);
      const isThere = [0, SLOT_BYTES].some((at) =>
        Buffer.from(formatted)
          .toString()
          .startsWith(
            Buffer.from(input.subarray(at, at + SLOT_BYTES))
              .toString()
              .trimEnd(),
          ),
      );
      assertTrue(isThere, "a record that was not written so");
    },
  },
  {
    name: "token-file",
    seeds: () =>
      [
        `# who may write\n${"0a".repeat(32)} build entries-per-second=100 expires=2027-01-31 # since May\n`,
        `${"0b".repeat(32)}\tbytes-per-second=5 max-entry-bytes=7\r\n\n${"0c".repeat(32)}`,
      ].map(bytesOf),
    run(input) {
      const lines = parseTokenFile(input, "tokens").map(formatTokenLine);
      assertSameText(
        lines.join("\n"),
        parseTokenFile(bytesOf(lines.map((line) => `${line}\n`).join("")), "tokens")
          .map(formatTokenLine)
          .join("\n"),
      );
    },
  },
  splitTarget("lines"),
  splitTarget("paragraphs"),
];

const GUARD_RECORD = {
  origin: "example.com/log",
  storeId: "5f".repeat(16),
  epoch: 3,
  lineage: "91".repeat(16),
  nextLineage: undefined,
  signed: { treeSize: 20_852_163, rootHash: new Uint8Array(32).fill(9) },
};

/** However the bytes come, the entries are the same. The first byte says in what pieces. */
function splitTarget(rule: SplitRule): Target {
  return {
    name: `split-${rule}`,
    seeds: () => ["\x03a\n\nb\r\nc", "\x01a\nb\n\n\nc\n \nd\n", "\x00"].map(bytesOf),
    run(input) {
      const bytes = input.subarray(1);
      const size = 1 + ((input[0] ?? 0) % 16) + Math.floor(bytes.length / 100);
      const whole = split(rule, [bytes]);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      );
      if (whole.join("|") !== split(rule, pieces).join("|")) throw new Fault("pieces change the entries");
      if (rule === "lines") {
        const text = Buffer.from(bytes).toString("latin1").replace(/\n$/, "");
        assertSameText(
          bytes.length === 0 ? "" : text,
          whole.map((one) => one.slice(one.indexOf(":") + 1)).join("\n"),
        );
      }
    },
  };
}

function split(rule: SplitRule, pieces: readonly Uint8Array[]): readonly string[] {
  const splitter = openSplitter(rule, "fuzz");
  const found = [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()];
  return found.map(({ entry, line }) => `${line}:${Buffer.from(entry).toString("latin1")}`);
}

function jsonObject(input: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(textOf(input));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
