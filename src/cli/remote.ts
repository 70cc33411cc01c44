import { memoryCheckpoints } from "../../client/checkpoint-memory.ts";
import { RemoteRefusedError } from "../../client/errors.ts";
import type { Fetcher } from "../../client/fetcher.ts";
import { openFetcher } from "../../client/fetcher.ts";
import { type LogClient, openLogClient } from "../../client/log-client.ts";
import { type Trust, trustIn } from "../../client/policy.ts";
import { decodeJsonObject } from "../../client/routes.ts";
import { type Config, stateDirectory } from "../config.ts";
import { TlogError } from "../errors.ts";
import { isLoopbackName } from "../http/access.ts";
import { fileCheckpointMemory } from "../node/file-checkpoint-memory.ts";
import { isWriteToken } from "../settings.ts";
import { formatVerifierKey, parseVerifierKey } from "../tlog/key.ts";
import type { Call } from "./command.ts";
import { readSmallFile } from "./files.ts";
import { type ChosenTrust, chosenTrust } from "./trust.ts";

/** A log somewhere else, and whom to believe about it. */
export interface Remote {
  readonly client: LogClient;
  readonly url: string;
  readonly trust: Trust;
  /** Completes "trusted: ". */
  readonly trustWords: string;
  /** What GET /log.json said, asked for once; undefined for a log that has none. Not verified by anything. */
  info(): Promise<Readonly<Record<string, unknown>> | undefined>;
}

const MAX_INFO_BYTES = 256 * 1024;
const MAX_TOKEN_FILE_BYTES = 4096;

/**
 * Opens the log of --log. Without a key or policy, a log on this machine is taken at its word, with a notice; any other
 * is refused, because whoever answers could name any key.
 * @param options.writes - take the write token along; a command that only reads does not open its file.
 * @throws {TlogError} USAGE | CONFIG_INVALID | POLICY_MALFORMED | VKEY_MALFORMED | REMOTE_UNREACHABLE | …
 */
export async function openRemote(
  call: Call,
  { writes = false }: { readonly writes?: boolean } = {},
): Promise<Remote> {
  const config = await call.config();
  const url = config.value("log");
  const timeoutMs = config.value("timeout") * 1000;
  const fetcher = openFetcher(url, { timeoutMs });
  let known: ReturnType<Remote["info"]> | undefined; // owned by info()
  const info: Remote["info"] = () => {
    known ??= fetchInfo(fetcher, call.signal);
    return known;
  };
  const chosen = (await chosenTrust(call)) ?? (await trustItself(call, url, info));
  const origin = config.value("origin");
  const trust = trustIn({ ...chosen.trust, ...(origin !== undefined && { origin }) });
  const token = writes ? await writeToken(config) : undefined;
  const duplicates = writes ? (await info())?.duplicates : undefined;
  const client = openLogClient({
    policy: trust.policy,
    origin: trust.origin,
    url,
    timeoutMs,
    ...(token !== undefined && { token }),
    // Only the log can know: one that says so untruly spoils nothing but itself.
    ...(duplicates === "first" && { duplicates }),
    onKeyChange: ({ treeSize, newKeys }) =>
      call.output.notice(
        `the log changed its keys at size ${treeSize}, signed by the key you trust; from now on trust ${newKeys.join(" ")}`,
      ),
    checkpoints: config.value("memory")
      ? fileCheckpointMemory(stateDirectory(config.value("state")))
      : memoryCheckpoints(),
  });
  return { client, url, trust, trustWords: chosen.words, info };
}

async function trustItself(call: Call, url: string, info: Remote["info"]): Promise<ChosenTrust> {
  if (!isLoopbackName(new URL(url).hostname)) {
    throw new TlogError(
      "USAGE",
      `want --vkey VKEY or --policy FILE: ${url} is another machine, and whoever answers there could name any key`,
    );
  }
  const vkeys = (await info())?.vkeys;
  const named: unknown = Array.isArray(vkeys) ? vkeys[0] : undefined;
  if (typeof named !== "string") {
    throw new TlogError("USAGE", `want --vkey VKEY or --policy FILE: ${url} does not name a key of its own`);
  }
  const vkey = formatVerifierKey(parseVerifierKey(named)); // before it is printed: a log may name anything
  call.output.notice(
    `not verified against a key you chose: the log itself named ${vkey}; choose with --vkey or --policy`,
  );
  return { trust: { vkey }, words: `the key the log itself named, ${vkey}` };
}

async function fetchInfo(fetcher: Fetcher, signal: AbortSignal): ReturnType<Remote["info"]> {
  try {
    const { body } = await fetcher.request({ path: "log.json", maxBytes: MAX_INFO_BYTES, signal });
    return decodeJsonObject(body);
  } catch (error) {
    if (error instanceof RemoteRefusedError && error.status === 404) return undefined;
    throw error;
  }
}

/** The write token of BRISTLECONE_TOKEN or --token-file, if there is one. @throws {TlogError} CONFIG_INVALID | FILE_UNREADABLE */
export async function writeToken(config: Config): Promise<string | undefined> {
  if (config.choice(["token", "tokenFile"]) === "token") return config.value("token");
  const path = config.value("tokenFile");
  if (path === undefined) return undefined;
  // Bytes that are not UTF-8 become U+FFFD, which no token has.
  const bytes = await readSmallFile(path, { maxBytes: MAX_TOKEN_FILE_BYTES });
  const token = new TextDecoder().decode(bytes).trim();
  if (isWriteToken(token)) return token;
  throw new TlogError("CONFIG_INVALID", `${path}: want one token and nothing else`);
}
