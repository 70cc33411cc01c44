/** A tile's index in a path: groups of three digits, an x before all but the last.  c2sp.org/tlog-tiles: 1234067 is "x001/x234/067" */
export function tilePath(index: number): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, "0");
  const groups = digits.match(/.{3}/g) ?? [];
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
}
