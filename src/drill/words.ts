/** How a rehearsal writes what it measured. */

/** "0.61 s" */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
