import { open } from "lmdb";

const BINARY = { encoding: "binary", keyEncoding: "binary" } as const;

/** Every row of every table, as text. */
export async function dump(directory: string): Promise<string> {
  const root = open({ path: directory, noSubdir: false, readOnly: true, ...BINARY });
  const lines: string[] = [];
  for (const name of ["meta", "tiles", "bundles", "tail"]) {
    const rows = root.openDB<Buffer, Buffer>({ name, ...BINARY });
    for (const { key, value } of rows.getRange({})) {
      lines.push(`${name} ${Buffer.from(key).toString("hex")} ${Buffer.from(value).toString("base64")}`);
    }
  }
  await root.close();
  return lines.join("\n");
}
