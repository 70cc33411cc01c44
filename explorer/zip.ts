/** A ZIP archive of a few files, stored as they are.  APPNOTE.TXT 6.3, sections 4.3.7, 4.3.12, 4.3.16 */

export interface ArchivedFile {
  /** ASCII, without a leading slash. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Every file has the same date, 1980-01-01: the same files make the same archive. */
export function zipOf(files: readonly ArchivedFile[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const nameBytes = new TextEncoder().encode(name);
    const shared = [u16(20), u16(0), u16(0), u16(0), u16(0x21), u32(crc32(bytes))];
    const sizes = [u32(bytes.length), u32(bytes.length), u16(nameBytes.length), u16(0)];
    const local = joined([u32(0x04034b50), ...shared, ...sizes, nameBytes, bytes]);
    parts.push(local);
    const placed = [u16(0), u16(0), u16(0), u32(0), u32(offset)];
    directory.push(joined([u32(0x02014b50), u16(20), ...shared, ...sizes, ...placed, nameBytes]));
    offset += local.length;
  }
  const entries = joined(directory);
  const counts = [u16(0), u16(0), u16(files.length), u16(files.length)];
  const end = joined([u32(0x06054b50), ...counts, u32(entries.length), u32(offset), u16(0)]);
  return joined([...parts, entries, end]);
}

/** CRC-32 of ISO 3309, as ZIP has it. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function u16(value: number): Uint8Array {
  return Uint8Array.of(value % 256, Math.floor(value / 256));
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(...[1, 256, 65_536, 16_777_216].map((unit) => Math.floor(value / unit) % 256));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
