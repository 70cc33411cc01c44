import { existsSync } from "node:fs";
import type { Config } from "../config.ts";
import { parseLogCases } from "../conformance/log/cases.ts";
import { lookAtAges } from "../doctor/ages.ts";
import { Sheet } from "../doctor/check.ts";
import { lookAtClock } from "../doctor/clock.ts";
import { lookAtDisks } from "../doctor/disk.ts";
import { type ConfiguredKey, lookAtKeys, lookAtOwnKeys } from "../doctor/keys.ts";
import { lookAtProcess } from "../doctor/process-limits.ts";
import { lookAtPublicUrl } from "../doctor/public-url.ts";
import {
  isEmptyPlace,
  lookAtGuard,
  lookAtServer,
  lookAtStore,
  readGuardRecord,
  type StoreSight,
} from "../doctor/store-sight.ts";
import { lookAtTls } from "../doctor/tls.ts";
import { openVisits } from "../doctor/visits.ts";
import { lookAtWitnesses } from "../doctor/witnesses.ts";
import { packagePath } from "../node/package-path.ts";
import { DEFAULT_MIN_FREE_BYTES, type NoteSigner } from "../server.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { ED25519 } from "../tlog/key.ts";
import { addExamples, addSettings, type Call, type CommandDefinition, textFlag } from "./command.ts";
import { waysOutOf } from "./configured-log.ts";
import { collect, textFlags } from "./conformance-options.ts";
import { doctorReport, throwDoctorVerdict } from "./doctor-report.ts";
import { lookAtFiles, lookAtSettings } from "./doctor-settings.ts";
import { examineWitness } from "./doctor-witness.ts";
import { readSmallFile } from "./files.ts";
import { reachableUrl } from "./first-steps.ts";
import { keyOptions } from "./key-options.ts";
import { SERVE_SETTINGS } from "./serve.ts";
import type { DataPaths } from "./serve-key.ts";
import { policyWitnesses } from "./serve-witnesses.ts";

/** One look: a disk or a network that hangs must not hold up the rest. */
const LOOK_TIMEOUT_MS = 30_000;
const TOTAL_MS = 180_000;
const MAX_CASES_BYTES = 8 * 1024 * 1024;

/** `doctor`: looks at all that `serve` with the same settings works with, and says what to do about it. */
export const doctor: CommandDefinition = {
  define(command) {
    addSettings(command, SERVE_SETTINGS);
    command
      .option("--backup <DIR>", "where `backup` writes to: says how old the copy is")
      .option("--export <DIR>", "where `export` writes to: says how far behind it is")
      .option(
        "--witness <DIR-OR-URL>",
        "look at a witness of yours, not at a log: its data directory (with --key and --guard), its URL, or both",
        collect,
      );
    addExamples(command, [
      "bristlecone doctor",
      "bristlecone doctor --config /etc/bristlecone/log.json --served-at https://log.example.com/",
      "bristlecone doctor --witness /srv/witness --witness https://witness.example.org/",
      "bristlecone doctor --json | jq 'select(.verdict == \"fail\")'",
    ]);
    command.addHelpText("after", HELP_AFTER);
  },
  async run(call) {
    const { output, signal, now } = call;
    const sheet = new Sheet({
      ...{ signal, now, timeoutMs: LOOK_TIMEOUT_MS, totalMs: TOTAL_MS },
      onResult: ({ check, of = "" }) => output.progressLine(`${check} ${of}`),
    });
    const witnesses = textFlags(call.flags, "witness");
    if (witnesses.length > 0) {
      await examineWitness(call, sheet, witnesses);
      await doctorReport(output, sheet.results, []);
      return throwDoctorVerdict(sheet.results);
    }
    const config = await call.config();
    const { paths, settings } = await lookAtSettings(sheet, config);
    if (paths !== undefined) await examine(call, sheet, { config, paths });
    await doctorReport(output, sheet.results, settings);
    throwDoctorVerdict(sheet.results);
  },
};

const HELP_AFTER = `
Give it what \`serve\` is given, or \`--witness\`. It writes nothing but a reader's slot in the data's lock.mdb, and a server that runs is not disturbed: it
reads beside it, sends some forty GET requests to the URLs of --served-at (without any, to --listen), and one GET to each witness. It shows no PIN, no
credentials and no query of a URL. Run it as the user that runs the log.

Each check ends as ok, warn, FAIL, unknown (it could not be looked at) or skipped (there is nothing to look at).
Exit codes: 0 nothing failed, 1 something did, 3 something could not be looked at.`;

interface Subject {
  readonly config: Config;
  readonly paths: DataPaths;
}

async function examine(call: Call, sheet: Sheet, subject: Subject): Promise<void> {
  const { config, paths } = subject;
  const { data, guard } = paths;
  await lookAtDisks(sheet, {
    ...{ directory: data, guard, maxDataBytes: config.value("maxDataBytes") },
    minFreeBytes: config.value("minFreeBytes") ?? DEFAULT_MIN_FREE_BYTES,
  });
  const isRunning = await lookAtServer(sheet, data);
  await lookAtProcess(sheet, { directory: data, isRunning });
  const sight = await lookAtStore(sheet, data);
  try {
    await lookAtGuard(sheet, { location: guard, sight, waysOut: (error) => waysOutOf(error, paths) });
    const signers = await keysOf(call, sheet, subject);
    if (signers !== undefined && sight !== undefined) await lookAtOwnKeys(sheet, signers, sight);
    await lookAtFiles(sheet, config);
    await lookAtAges(sheet, {
      ...{ directory: data, sight, isRunning, scrubs: config.value("scrubBytesPerSecond") > 0 },
      ...{ backup: textFlag(call.flags, "backup"), exported: textFlag(call.flags, "export"), now: Date.now },
    });
    await lookAround(sheet, subject, { sight, signers, isRunning });
  } finally {
    await sight?.reader.close();
  }
}

async function keysOf(
  call: Call,
  sheet: Sheet,
  { config, paths }: Subject,
): Promise<readonly NoteSigner[] | undefined> {
  const options = keyOptions(call, config);
  const passphraseFiles = options.passphraseFiles.toReversed();
  const configured: readonly (Omit<ConfiguredKey, "reference"> & {
    readonly reference?: string | undefined;
  })[] = [
    { flag: "--key", reference: paths.key, type: ED25519 },
    { flag: "--ml-dsa-key", reference: paths.mlDsaKey, type: ML_DSA_44 },
    { flag: "--former-key", reference: paths.formerKey, type: ED25519, passphraseFiles },
    {
      flag: "--former-ml-dsa-key",
      reference: paths.formerMlDsaKey,
      type: ML_DSA_44,
      passphraseFiles,
    },
  ];
  const keys = configured.flatMap(({ reference, ...key }) =>
    reference === undefined ? [] : [{ ...key, reference }],
  );
  const isFirstStart = !existsSync(paths.guard) && (await isEmptyPlace(paths.data).catch(() => false));
  // As `serve` finds the name where the key's holder keeps none.
  const guarded = await readGuardRecord(paths.guard).catch(() => undefined);
  const origin =
    config.value("origin") ?? (/^(pkcs11|ssh-agent):/i.test(paths.key) ? guarded?.origin : undefined);
  return await lookAtKeys(sheet, keys, { ...options, origin, isFirstStart });
}

interface Inside {
  readonly sight: StoreSight | undefined;
  readonly signers: readonly NoteSigner[] | undefined;
  readonly isRunning: boolean | undefined;
}

/** All that goes over the network. */
async function lookAround(sheet: Sheet, { config }: Subject, inside: Inside): Promise<void> {
  const { signers, sight, isRunning } = inside;
  const visits = openVisits({ signal: sheet.signal, now: Date.now });
  try {
    const urls = config.value("servedAt") ?? [];
    const { host, port } = config.value("listen");
    const isTls = config.value("tlsCert") !== undefined;
    const listening = reachableUrl(
      `${isTls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    );
    const admin = config.value("adminListen");
    const cases = parseLogCases(
      decodeUtf8(
        await readSmallFile(packagePath("spec/vectors/conformance-log.json"), { maxBytes: MAX_CASES_BYTES }),
      ),
    );
    await lookAtTls(sheet, {
      certFile: config.value("tlsCert"),
      keyFile: config.value("tlsKey"),
      urls,
      now: Date.now,
    });
    await lookAtPublicUrl(sheet, visits, {
      ...{ urls, sight, isRunning, cases },
      logKeys: signers?.map(({ verifierKey }) => verifierKey) ?? [],
      // A certificate is for a name of the outside.
      listening: port === 0 || isTls ? undefined : listening,
      admin:
        admin &&
        reachableUrl(`http://${admin.host.includes(":") ? `[${admin.host}]` : admin.host}:${admin.port}`),
    });
    await lookAtWitnesses(sheet, visits, {
      path: config.value("witnessPolicy"),
      localWitnesses: config.value("localWitnesses"),
      isStrict: config.value("quorumMode") === "strict",
      refreshMs: config.value("witnessRefresh"),
      open: async () => (await policyWitnesses(config, { signers: signers ?? [] }))?.policy,
      checkpoint: sight?.head.published,
      isRunning,
      now: Date.now,
    });
    await lookAtClock(sheet, visits.clocks());
  } finally {
    await visits.close();
  }
}
