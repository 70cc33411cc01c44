import {
  formatAddCheckpoint,
  formatCosignatureLines,
  formatSizeConflict,
  parseAddCheckpoint,
  parseCosignatureLines,
  parseSizeConflict,
} from "../../../src/tlog/add-checkpoint.ts";
import {
  decodeBundle,
  encodeBundle,
  entryCount,
  entryOf,
  isWholeBlock,
  parseEntryBlock,
} from "../../../src/tlog/entry-bundle.ts";
import { verifyForkEvidence } from "../../../src/tlog/fork-evidence.ts";
import { formatOpenedEvidence, openForkEvidence } from "../../../src/tlog/fork-evidence-text.ts";
import { parseVerifierKey } from "../../../src/tlog/key.ts";
import { parseLogList } from "../../../src/tlog/log-list.ts";
import { formatSignSubtree, parseSignSubtree } from "../../../src/tlog/sign-subtree.ts";
import { formatBundlePath, formatTilePath, parseBundlePath, parseTilePath } from "../../../src/tlog/tile.ts";
import { parseLogArguments } from "../../../src/witness/log-argument.ts";
import { formatRosterText, parseRosterText } from "../../../src/witness/roster-text.ts";
import { vectorBytes, vectorInputs, vectorTexts } from "../seeds.ts";
import { assertSameBytes, assertSameText, assertTrue, bytesOf, type Target, textOf } from "../target.ts";

const MAX_ENTRIES = 64;
const HASH = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

export const REQUESTS: readonly Target[] = [
  {
    name: "tile-path",
    seeds: () => vectorInputs("tile-path.json", "path"),
    run: (input) => assertSameText(textOf(input), formatTilePath(parseTilePath(textOf(input)))),
  },
  {
    name: "bundle-path",
    seeds: () => vectorInputs("tile-path.json", "path"),
    run: (input) => assertSameText(textOf(input), formatBundlePath(parseBundlePath(textOf(input)))),
  },
  {
    name: "entry-block",
    seeds: () => [new Uint8Array(), ...vectorBytes("entry-bundle.json", "bundle")],
    run(input) {
      const block = parseEntryBlock(input, { maxEntries: MAX_ENTRIES });
      assertTrue(isWholeBlock(block), "a block that is not whole");
      assertTrue(entryCount(block) <= MAX_ENTRIES, "more entries than were wanted");
      const entries = Array.from({ length: entryCount(block) }, (_, at) => entryOf(block, at));
      assertSameBytes(input, encodeBundle(entries));
    },
  },
  {
    name: "bundle",
    seeds: () => vectorBytes("entry-bundle.json", "bundle").map((bytes) => new Uint8Array([0, ...bytes])),
    run(input) {
      const bundle = input.subarray(1);
      assertSameBytes(bundle, encodeBundle(decodeBundle(bundle, 1 + (input[0] ?? 0))));
    },
  },
  {
    name: "add-checkpoint",
    seeds: () => vectorInputs("add-checkpoint.json", "body"),
    run: (input) => assertSameBytes(input, formatAddCheckpoint(parseAddCheckpoint(input))),
  },
  {
    name: "sign-subtree",
    seeds: () => [
      bytesOf(`subtree 8 13\n${HASH}\n${HASH}\n\nexample.com/log\n20\n${HASH}\n\n— example.com/log AAAA\n`),
      bytesOf(`subtree 0 20\n${HASH}\n\nexample.com/log\n20\n${HASH}\n\n— example.com/log AAAA\n`),
    ],
    run: (input) => assertSameBytes(input, formatSignSubtree(parseSignSubtree(input))),
  },
  {
    name: "cosignature-lines",
    seeds: () =>
      vectorTexts("signed-checkpoint.json", "signedNote")
        .slice(0, 6)
        .map((note) => bytesOf(note.slice(note.indexOf("\n\n") + 2))),
    run: (input) => assertSameBytes(input, formatCosignatureLines(parseCosignatureLines(input))),
  },
  {
    name: "size-conflict",
    seeds: () => ["0\n", "20852163\n"].map(bytesOf),
    run: (input) => assertSameBytes(input, formatSizeConflict(parseSizeConflict(input))),
  },
  {
    name: "fork-evidence",
    seeds: () => vectorInputs("fork-evidence.json", "evidence"),
    async run(input) {
      assertSameBytes(input, formatOpenedEvidence(openForkEvidence(input)));
      const [log = ""] = vectorTexts("vkey.json", "vkey");
      const { heads } = await verifyForkEvidence({ evidence: input, logKeys: [parseVerifierKey(log)] });
      assertTrue(heads.length > 0, "convicted without a head");
    },
  },
  {
    name: "log-list",
    seeds: () => [
      bytesOf(
        `logs/v0\nvkey ${vectorTexts("vkey.json", "vkey")[0]}\nqpd 86400\ncontact sysadmin (at) example.org\n`,
      ),
      bytesOf(
        `# note\nlogs/v0\n\nvkey ${vectorTexts("vkey.json", "vkey")[0]}\nqpd 24\norigin x/y\ncontact z\n`,
      ),
    ],
    run: (input) => void parseLogList(input),
  },
  {
    name: "roster",
    seeds: () => [
      bytesOf('{"logs":[]}'),
      bytesOf(
        JSON.stringify({
          logs: [
            {
              origin: "example.com/log",
              vkeys: vectorTexts("vkey.json", "vkey").slice(0, 1),
              urls: ["https://log.example/"],
              queriesPerDay: 86_400,
              disabled: true,
              list: "https://list.example/",
              contact: "somebody",
            },
          ],
        }),
      ),
    ],
    run(input) {
      const formatted = formatRosterText(parseRosterText(textOf(input)));
      assertSameText(formatted, formatRosterText(parseRosterText(formatted)));
    },
  },
  {
    name: "log-argument",
    seeds: () => vectorTexts("vkey.json", "vkey").map((vkey) => bytesOf(`${vkey} https://log.example/`)),
    run: (input) => void parseLogArguments(textOf(input).split("\n")),
  },
];
