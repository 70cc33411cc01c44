/** Directories as earlier versions of this program left them: see former/README.md. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { inject } from "vitest";
import { z } from "zod";

export const FORMER_SIZE = 601;

const Former = z.object({ madeBy: z.string(), files: z.record(z.string(), z.base64()) });

/** @returns a folder with `data`, `log.key`, `log.guard`, `vkey`, `checkpoint`, `17.tlog-proof`, `receipts/600.tlog-proof`; gone after the run. */
export function unpackFormer(name: string): string {
  const folder = mkdtempSync(join(inject("scratch"), "former-"));
  const packed = gunzipSync(readFileSync(join(import.meta.dirname, "former", `${name}.json.gz`)));
  const { files } = Former.parse(JSON.parse(packed.toString()));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, path), Buffer.from(content, "base64"), { mode: 0o600 });
  }
  return folder;
}
