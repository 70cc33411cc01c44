/** "0010  68 65 6c 6c 6f 2c 20 6c  6f 67 0a                 hello, log.": where the line begins, its bytes, and those that are ASCII. */

/** @param width - bytes in a line, a multiple of 8. */
export function hexDump(bytes: Uint8Array, width: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += width)
    lines.push(lineAt(bytes.subarray(at, at + width), { at, width }));
  return lines.join("\n");
}

function lineAt(bytes: Uint8Array, { at, width }: { readonly at: number; readonly width: number }): string {
  const row = [...bytes];
  const hex = row.map((byte) => byte.toString(16).padStart(2, "0"));
  const eights = Array.from({ length: width / 8 }, (_, part) =>
    hex
      .slice(8 * part, 8 * part + 8)
      .join(" ")
      .padEnd(23),
  );
  const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
  return [at.toString(16).padStart(4, "0"), ...eights, text].join("  ");
}
