import { open } from "lmdb";
import { unpack } from "msgpackr";

/** Row `store` of a log's directory, past the store's own checks. */
export async function storeRow(path: string): Promise<unknown> {
  const binary = { encoding: "binary", keyEncoding: "binary" } as const;
  const root = open<Uint8Array, Uint8Array>({ path, noSubdir: false, readOnly: true, ...binary });
  const meta = root.openDB<Uint8Array, Uint8Array>({ name: "meta", ...binary });
  const row: unknown = unpack((meta.get(Buffer.from("store")) ?? Buffer.alloc(4)).subarray(4));
  await root.close();
  return row;
}
