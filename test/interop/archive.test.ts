/** Other people's static directories imported, and ours read by their programs. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDirectorySource } from "../../src/archive/directory-source.ts";
import { importLog } from "../../src/archive/import.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { encodeBase64 } from "../../src/tlog/encoding.ts";
import { formatVerifierKey, parseVerifierKey } from "../../src/tlog/key.ts";
import { entriesIn, exportOf, makeLog, never } from "../archive/logs.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { testSigner } from "../log/harness.ts";
import { makeTesseraLog, type TesseraLog } from "./logs/tessera-log.ts";
import { lacks, programPath, run } from "./programs.ts";

const lacksTessera = lacks("posix-oneshot");
const lacksFsck = lacks("fsck");

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bristlecone-archive-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe.skipIf(lacksTessera)("a directory of Tessera's", () => {
  let log: TesseraLog;
  const texts = Array.from({ length: 600 }, (_, index) => `entry ${index} of Tessera`);

  beforeAll(async () => {
    log = await makeTesseraLog(folder, "tessera.test/imported");
    await log.add(texts, undefined);
  });

  const importInto = async (directory: string) => {
    const source = openDirectorySource(log.storage);
    const logKeys = [parseVerifierKey(log.vkey)];
    const head = await openCheckpoint({ signedNote: await source.readCheckpoint(never), logKeys });
    return await importLog({ sources: [source], head, directory, guard: memoryGuard(), signal: never });
  };

  it("is imported whole, and again after it grew", async () => {
    const copy = join(folder, "copy");
    expect(await importInto(copy)).toMatchObject({ before: 0, treeSize: 600 });
    expect([...(await entriesIn(copy))].sort()).toEqual([...texts].sort());
    await log.add(["one more"], undefined);
    expect(await importInto(copy)).toMatchObject({ before: 600, treeSize: 601 });
    expect((await entriesIn(copy)).at(-1)).toBe("one more");
  });

  it("is refused with one changed byte", async () => {
    const path = join(log.storage, "tile/entries/001");
    const bytes = await readFile(path);
    bytes[9] = (bytes[9] ?? 0) + 1;
    await rm(path, { force: true });
    await writeFile(path, bytes);
    await expectCodeAsync(importInto(join(folder, "refused")), "ENTRY_MISMATCH");
  });
});

describe.skipIf(lacksFsck)("an export, to Tessera's fsck", () => {
  let server: Server | undefined;

  afterAll(() => {
    server?.close();
  });

  it("is whole, and is not with one changed byte", async () => {
    const [data, site] = [join(folder, "data"), join(folder, "site")];
    await makeLog(data, 66_000);
    const { rootHash, treeSize } = await exportOf(data, site);
    await writeFile(join(folder, "log.pub"), formatVerifierKey((await testSigner()).verifierKey));
    const { url, close } = await serveFiles(site);
    server = close;
    const flags = [`--storage_url=${url}/`, `--public_key=${join(folder, "log.pub")}`, "--N=4", "--ui=false"];
    const { stderr } = await run(programPath("fsck"), flags);
    expect(stderr).toContain(
      `Successfully fsck'd log with size ${treeSize} and root ${encodeBase64(rootHash)}`,
    );
    const path = join(site, "tile/entries/100");
    const bytes = await readFile(path);
    bytes[9] = (bytes[9] ?? 0) + 1;
    await writeFile(path, bytes);
    expect((await run(programPath("fsck"), flags)).stderr).toContain("fsck failed");
  });
});

/** Any web server does. */
async function serveFiles(site: string): Promise<{ readonly url: string; readonly close: Server }> {
  const close = createServer((request, response) => {
    readFile(join(site, request.url ?? "")).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((listening) => {
    close.listen(0, "127.0.0.1", listening);
  });
  const address = close.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    close,
  };
}
