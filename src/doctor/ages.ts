/** When the log's bytes were last gone through, and copied to elsewhere. */
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MANIFEST_FILE, MAX_MANIFEST_BYTES, parseManifest } from "../archive/manifest.ts";
import { orUndefined, TlogError } from "../errors.ts";
import { copyAt } from "../fsck/copy-at.ts";
import { SCRUB_STATE_FILE } from "../fsck/scrub.ts";
import { parseScrubState } from "../fsck/scrub-state.ts";
import { codeOf, hasErrorCode } from "../node/errno.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { MAX_NOTE_BYTES, parseNote } from "../tlog/note.ts";
import { fail, type Outcome, ok, type Sheet, skipped, warn } from "./check.ts";
import { modeOf } from "./file-modes.ts";
import type { StoreSight } from "./store-sight.ts";
import { inTime } from "./words.ts";

export interface AgesLook {
  readonly directory: string;
  readonly sight: StoreSight | undefined;
  readonly isRunning: boolean | undefined;
  /** Whether the server goes through its bytes. */
  readonly scrubs: boolean;
  /** A directory of `backup`, and one of `export`. */
  readonly backup: string | undefined;
  readonly exported: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const DAY_MS = 86_400_000;
/** A pass begins every day, and of a terabyte takes three. */
const OLD_PASS_MS = 8 * DAY_MS;
const OLD_COPY_MS = 2 * DAY_MS;
const MAX_SCRUB_LINE_BYTES = 16 * 1024 * 1024;

export async function lookAtAges(sheet: Sheet, look: AgesLook): Promise<void> {
  await sheet.look({ check: "scrub", see: () => seeScrub(look) });
  await sheet.look({ check: "backup", of: look.backup, see: () => seeBackup(look) });
  await sheet.look({ check: "export", of: look.exported, see: () => seeExport(look) });
}

async function seeScrub({ directory, scrubs, sight, now }: AgesLook): Promise<Outcome> {
  const off = "leave --scrub-bytes-per-second out, or run `fsck` by a timer";
  if (!scrubs) return warn("turned off: damage is found when somebody asks for what is damaged", off);
  if (sight === undefined) return skipped("there is no log to go through");
  const path = join(directory, SCRUB_STATE_FILE);
  const line = await firstLine(path);
  if (line === undefined) return skipped("it has not begun: it does a minute after the first start");
  // What comes after the first line is how far the pass under way is.
  const state = parseScrubState(line, path);
  const isOfThis = state.copy === (await copyAt(join(directory, "data.mdb")));
  if (!isOfThis) return skipped("what is there is of another copy: it begins anew");
  const [first] = state.findings;
  const found = state.findings.length;
  if (first !== undefined) {
    return fail(
      `${found} ${found === 1 ? "thing is" : "things are"} damaged and withheld, first ${first.where}: ${first.detail}`,
      "`fsck` tells what can be made anew, `repair` does it with the help of a mirror, export or backup",
    );
  }
  if (state.lastPassedAtMs === undefined) return ok("the first pass is under way, and has found nothing");
  const agoMs = now() - state.lastPassedAtMs;
  const words = `all of it was gone through ${inTime(agoMs)} ago, and nothing found`;
  return agoMs > OLD_PASS_MS
    ? warn(words, "raise --scrub-bytes-per-second, or run `fsck` by a timer")
    : ok(words);
}

async function seeBackup({ backup, sight, now }: AgesLook): Promise<Outcome> {
  if (backup === undefined) return skipped("name its directory with --backup, and its age is looked at");
  const bytes = await small(join(backup, MANIFEST_FILE), MAX_MANIFEST_BYTES);
  const advice = "run `bristlecone backup` by a timer (deploy/README.md), and see why it did not";
  if (bytes === undefined) return fail(`no whole backup is in ${backup}`, advice);
  const manifest = orUndefined(() => parseManifest(bytes));
  const madeAtMs = Date.parse(manifest?.madeAt ?? "");
  if (manifest === undefined || Number.isNaN(madeAtMs)) return fail(`${MANIFEST_FILE} is damaged`, advice);
  if (sight !== undefined && manifest.storeId !== sight.reader.identity().storeId) {
    return fail(`it is of another store, of ${manifest.origin}`, "name the directory of this log's backup");
  }
  const agoMs = now() - madeAtMs;
  const words = `made ${inTime(agoMs)} ago, of ${manifest.treeSize} entries${behind(sight, manifest.treeSize)}`;
  return agoMs > OLD_COPY_MS ? warn(words, advice) : ok(words);
}

async function seeExport({ exported, sight, now }: AgesLook): Promise<Outcome> {
  if (exported === undefined) return skipped("name its directory with --export, and its age is looked at");
  const path = join(exported, "checkpoint");
  const bytes = await small(path, MAX_NOTE_BYTES);
  const advice = "run `bristlecone export` by a timer (deploy/README.md), and see why it did not";
  if (bytes === undefined) return fail(`no checkpoint is in ${exported}`, advice);
  const said = orUndefined(() => parseCheckpoint(decodeUtf8(parseNote(bytes).text)));
  if (said === undefined) return fail(`${path} is no checkpoint`, "export into an empty directory");
  if (sight !== undefined && said.origin !== sight.origin) {
    return fail(`it is of ${said.origin}`, "name the directory of this log's export");
  }
  const agoMs = now() - ((await modeOf(path))?.modifiedAtMs ?? now());
  const words = `made ${inTime(agoMs)} ago, of ${said.treeSize} entries${behind(sight, said.treeSize)}`;
  const isBehind = (sight?.head.published?.treeSize ?? 0) > said.treeSize;
  return agoMs > OLD_COPY_MS && isBehind ? warn(words, advice) : ok(words);
}

function behind(sight: StoreSight | undefined, treeSize: number): string {
  const lag = (sight?.head.integrated.treeSize ?? treeSize) - treeSize;
  return lag > 0 ? `, ${lag} behind the log` : "";
}

/** @returns undefined when there is no such file. @throws {TlogError} FILE_UNREADABLE */
async function small(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const found = await modeOf(path);
  if (found === undefined) return undefined;
  if (found.bytes > maxBytes)
    throw new TlogError("FILE_UNREADABLE", `${path}: want at most ${maxBytes} bytes`);
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT")) return undefined;
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${codeOf(cause)})`, { cause });
  }
}

/** With its newline; the file may be far larger. @returns undefined when there is no such file. @throws {TlogError} FILE_UNREADABLE */
async function firstLine(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, "r");
    try {
      let text = "";
      for await (const chunk of file.createReadStream({
        autoClose: false,
        encoding: "utf8",
        end: MAX_SCRUB_LINE_BYTES,
      })) {
        text += String(chunk);
        const end = text.indexOf("\n");
        if (end !== -1) return text.slice(0, end + 1);
      }
      throw new TlogError(
        "FILE_UNREADABLE",
        `${path}: want a first line of at most ${MAX_SCRUB_LINE_BYTES} bytes`,
      );
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof TlogError) throw cause;
    if (hasErrorCode(cause, "ENOENT")) return undefined;
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${codeOf(cause)})`, { cause });
  }
}
