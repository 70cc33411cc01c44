import { statSync } from "node:fs";
import { messageOf } from "./errno.ts";

/**
 * Looks again and again whether files changed: also those that are replaced, or behind links that point elsewhere now, which
 * notifications miss. Begin before the files are read, and no change is missed. A change counts as seen once it was taken: what fails
 * for a passing reason, such as too many open files, is tried again at each look.
 * @param paths - a file that is not there is a state like others.
 * @param options.take - never runs twice at a time. A rejection is a failure.
 * @param options.onFailed - hears each failure of a state of the files once.
 * @returns a function that ends it; until then it does not keep the process alive.
 */
export function watchFiles(
  paths: readonly string[],
  { everyMs, takesFirst = false, take, onFailed }: FileWatch,
): () => void {
  let known = takesFirst ? undefined : stampOf(paths); // owned by look()
  let told: string | undefined; // owned by look()
  let isTaking = false; // owned by look()
  const look = async (): Promise<void> => {
    const found = stampOf(paths);
    if (isTaking || found === known) return;
    isTaking = true;
    try {
      await take();
      known = found;
      told = undefined;
    } catch (error) {
      const failure = `${found} ${messageOf(error)}`;
      if (failure !== told) onFailed(error);
      told = failure;
    } finally {
      isTaking = false;
    }
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** How files are watched. */
export interface FileWatch {
  readonly everyMs: number;
  /** Takes at the first look whatever is there: for who read the files before. Default false. */
  readonly takesFirst?: boolean;
  readonly take: () => Promise<void>;
  readonly onFailed: (error: unknown) => void;
}

/** Changes whenever one of the files does. */
function stampOf(paths: readonly string[]): string {
  return paths.map(stampOfOne).join(" ");
}

function stampOfOne(path: string): string {
  const stats = statOf(path);
  return stats === undefined ? "none" : [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join("-");
}

function statOf(path: string) {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // A folder on the way that cannot be entered: reading will say so.
  }
}
