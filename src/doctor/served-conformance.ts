/** A part of `conformance log`, of some thirty requests, and what of it is about caches, browsers and compression. */
import type { LogCases } from "../conformance/log/cases.ts";
import { runLogConformance } from "../conformance/log/run.ts";
import type { CaseResult } from "../conformance/result.ts";
import type { HttpProbe } from "../node/http-probe.ts";
import type { VerifierKey } from "../tlog/key.ts";
import { fail, type Outcome, ok, type Sheet, skipped, unknown, warn } from "./check.ts";

export interface ConformanceLook {
  readonly url: string;
  readonly probe: HttpProbe;
  readonly cases: LogCases;
  readonly logKeys: readonly VerifierKey[];
}

interface Group {
  readonly check: string;
  readonly cases: readonly string[];
  readonly advice: string;
}

/** What goes wrong between a log and its readers, and the word for it. */
const GROUPS: readonly Group[] = [
  {
    check: "public-cache",
    cases: [
      ...["checkpoint-caching", "tile-caching", "partial-caching", "bundle-caching"],
      ...["error-caching", "error-bundle-caching", "checkpoint-conditional", "tile-conditional"],
    ],
    advice:
      "have proxy and cache hand on Cache-Control as the log sends it: tiles for ever, checkpoints seconds, errors briefly",
  },
  {
    check: "public-cors",
    cases: ["checkpoint-cors", "tile-cors", "bundle-cors"],
    advice:
      "have them hand on Access-Control-Allow-Origin: *, or no web page of another site can verify the log",
  },
  {
    check: "public-gzip",
    cases: [
      ...["checkpoint-encoding", "tile-encoding", "bundle-encoding-unasked", "bundle-encoding-gzip"],
      ...["bundle-compressed", "gzip-same", "bundle-vary"],
    ],
    advice:
      "turn compression off in the proxy: the log compresses bundles itself, and says so to caches (Vary)",
  },
  {
    check: "conformance",
    cases: [
      ...[
        "checkpoint-is-served",
        "checkpoint-type",
        "checkpoint-head",
        "note-text",
        "note-newline",
        "note-lines",
      ],
      ...[
        "note-base64",
        "note-count",
        "checkpoint-lines",
        "origin-form",
        "checkpoint-size",
        "checkpoint-root",
      ],
      ...[
        "checkpoint-extensions",
        "empty-root",
        "signed-by-key",
        "signed-ed25519",
        "key-name",
        "signature-types",
      ],
      ...["edge-is-served", "edge-root", "full-is-served", "full-hashes", "partial-of-full", "tile-type"],
      ...[
        "empty-width",
        "absent-is-404",
        "bundle-exact",
        "bundle-leaves",
        "bundle-type",
        "bundle-absent-is-404",
      ],
    ],
    advice: "run `bristlecone conformance log URL --vkey VKEY`, which says all of it",
  },
];

export async function lookAtConformance(sheet: Sheet, look: ConformanceLook): Promise<void> {
  const { url } = look;
  const results = await sheet.look<readonly CaseResult[]>({
    check: "conformance-run",
    of: url,
    see: async (signal) => {
      const wanted = new Set(GROUPS.flatMap(({ cases }) => cases));
      const found = await runLogConformance({
        ...{ probe: look.probe, writes: undefined, logKeys: look.logKeys, signal },
        cases: { ...look.cases, cases: look.cases.cases.filter(({ name }) => wanted.has(name)) },
        onResult: () => undefined,
        random: Math.random,
      });
      const ran = found.filter(({ verdict }) => verdict !== "not-run");
      const words = `${ran.length} of ${found.length} cases, ${look.probe.requests()} requests`;
      const end = look.probe.end() ?? look.probe.failure();
      if (end !== undefined)
        return { ...unknown(`${words}; ${end.message}`, "look again when it answers"), found };
      return { ...ok(words), found };
    },
  });
  if (results === undefined) return;
  for (const group of GROUPS) {
    await sheet.look({ check: group.check, of: url, see: () => judgeGroup(group, results) });
  }
}

function judgeGroup({ cases, advice }: Group, results: readonly CaseResult[]): Outcome {
  const own = results.filter(({ name, verdict }) => cases.includes(name) && verdict !== "not-run");
  if (own.length === 0) return skipped("nothing of it could be tried: see conformance-run");
  const wrong = own.filter(({ verdict }) => verdict === "fail" || verdict === "warn");
  if (wrong.length === 0) return ok(`${own.length} ${own.length === 1 ? "case" : "cases"} as they should be`);
  const words = wrong.map(({ name, expected, got }) => `${name}: want ${expected}, got ${got}`).join("; ");
  return wrong.some(({ verdict }) => verdict === "fail") ? fail(words, advice) : warn(words, advice);
}
