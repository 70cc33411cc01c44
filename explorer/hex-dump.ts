/** "00000010  68 65 6c 6c 6f 2c 20 6c  6f 67 0a                 |hello, log.|": 16 bytes a line, as hexdump -C shows them. */

const WIDTH = 16;

export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += WIDTH) lines.push(lineAt(bytes, at));
  return lines.join("\n");
}

function lineAt(bytes: Uint8Array, at: number): string {
  const row = [...bytes.subarray(at, at + WIDTH)];
  const hex = row.map((byte) => byte.toString(16).padStart(2, "0"));
  const halves = `${hex.slice(0, 8).join(" ").padEnd(23)}  ${hex.slice(8).join(" ").padEnd(23)}`;
  const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
  return `${at.toString(16).padStart(8, "0")}  ${halves}  |${text}|`;
}
