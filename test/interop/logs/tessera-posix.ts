/** Tessera's log over files with its conformance server: `POST /add` and the tiles on one port. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  openSigner,
} from "../../../src/tlog/key.ts";
import { freePort, programPath, start } from "../programs.ts";

export interface TesseraPosix {
  readonly origin: string;
  readonly vkey: string;
  readonly url: string;
  /** Where it keeps its tlog-tiles files. */
  readonly storage: string;
  output(): string;
  stop(): Promise<void>;
}

/** @param options.program - another build of it in the folder of programs. */
export async function startTesseraPosix({
  origin = "tessera.test/log",
  program = "tessera-posix",
}: {
  readonly origin?: string;
  readonly program?: string;
} = {}): Promise<TesseraPosix> {
  const folder = await mkdtemp(join(tmpdir(), "bristlecone-tessera-"));
  const signingKey = formatSigningKey(await generateSigningKey({ name: origin }));
  const keyFile = join(folder, "key");
  await writeFile(keyFile, signingKey, { mode: 0o600 });
  const storage = join(folder, "log");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const running = await start(
    programPath(program),
    [`--storage_dir=${storage}`, `--private_key=${keyFile}`, `--listen=127.0.0.1:${port}`],
    { url: `${url}/checkpoint` },
  );
  return {
    origin,
    vkey: formatVerifierKey((await openSigner(signingKey)).verifierKey),
    url,
    storage,
    output: running.output,
    async stop() {
      await running.stop();
      await rm(folder, { recursive: true });
    },
  };
}
