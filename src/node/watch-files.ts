import { statSync } from "node:fs";

/**
 * Looks again and again whether files changed: also those that are replaced, or behind links that point elsewhere now, which
 * notifications miss. Begin before the files are read, and no change is missed.
 * @param paths - a file that is not there is a state like others.
 * @returns a function that ends it; until then it does not keep the process alive.
 */
export function watchFiles(
  paths: readonly string[],
  { everyMs, onChanged }: { readonly everyMs: number; readonly onChanged: () => void },
): () => void {
  let known = stampOf(paths); // owned by the timer
  const timer = setInterval(() => {
    const found = stampOf(paths);
    if (found === known) return;
    known = found;
    onChanged();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
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
