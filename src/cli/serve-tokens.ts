import type { Config } from "../config.ts";
import type { LogEvents } from "../events.ts";
import { type WriteToken, WriteTokens } from "../http/write-tokens.ts";
import { messageOf } from "../node/errno.ts";
import { watchFiles } from "../node/watch-files.ts";
import { readTokenFile } from "./token-file.ts";

/** How often the file is looked at. */
const LOOK_EVERY_MS = 1000;

/** The tokens of a log, kept as the file has them. */
export interface ServedTokens {
  /** Undefined when none are configured; empty when they are, and there is none: then nobody may write. */
  readonly tokens: WriteTokens | undefined;
  close(): void;
}

/**
 * The tokens of --token-hash and of the file of --tokens. When the file changes it is read again; one that is wrong then, or gone,
 * changes nothing, is warned of once, and is tried again every second.
 * @throws {TlogError} CONFIG_INVALID | FILE_UNREADABLE
 */
export async function openTokens(
  config: Config,
  events: Pick<LogEvents, "warning" | "tokensReplaced">,
): Promise<ServedTokens> {
  const given = (config.value("tokenHash") ?? []).map((hash) => ({ hash }));
  const path = config.value("tokens");
  if (path === undefined) {
    const isConfigured = config.value("tokenHash") !== undefined;
    return { tokens: isConfigured ? new WriteTokens(eachOnce(given)) : undefined, close: () => {} };
  }
  const tokens = new WriteTokens([]);
  const read = async () => eachOnce([...given, ...(await readTokenFile(path))]);
  const close = watchFiles([path], {
    everyMs: LOOK_EVERY_MS,
    async take() {
      await first;
      const found = await read();
      tokens.replace(found);
      events.tokensReplaced?.({ count: found.length });
    },
    onFailed(error) {
      const message = `${messageOf(error)}; the tokens of before stay`;
      events.warning?.({ code: "TOKENS_UNREADABLE", message });
    },
  });
  const first = read();
  try {
    tokens.replace(await first);
  } catch (error) {
    close();
    throw error;
  }
  return { tokens, close };
}

/** One hash by flag and in the file is one token: the file says more of it. */
function eachOnce(tokens: readonly WriteToken[]): readonly WriteToken[] {
  return [...new Map(tokens.map((token) => [token.hash, token])).values()];
}
