import { TlogError } from "../src/errors.ts";
import { assertSize } from "../src/merkle/sizes.ts";
import { isTransient } from "./backoff.ts";
import { type LogEntry, readEntries } from "./entries.ts";
import { RemoteRefusedError } from "./errors.ts";
import type { Followed, FollowOptions } from "./tail.ts";
import { linkedController, orAborted } from "./waiting.ts";

/** {@link LogClient.follow}. What it takes is loaded when somebody follows. */
export async function* follow(
  log: Omit<Followed, "tools">,
  options: FollowOptions,
): AsyncGenerator<LogEntry, void, void> {
  if (options.from !== undefined) assertSize("from", options.from);
  const late = new TlogError("REMOTE_TIMEOUT", "events: nothing comes");
  const tools = { readEntries, linkedController, orAborted, passes, late };
  const { followEntries } = await import("./tail.ts");
  yield* followEntries({ ...log, tools }, options);
}

/** Worth another try later. Unlike a single request, following also outlives a server that is broken for a while. */
function passes(problem: unknown): problem is TlogError {
  return isTransient(problem) || (problem instanceof RemoteRefusedError && problem.status >= 500);
}
