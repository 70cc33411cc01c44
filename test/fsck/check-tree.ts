/** Checks a tree in memory, as `checkLog` does a log. */
import { type CheckReport, checkLog } from "../../src/fsck/check-log.ts";
import type { CheckOptions } from "../../src/fsck/check-options.ts";
import { type Crew, isAnswerTo } from "../../src/fsck/jobs.ts";
import { checkSlice } from "../../src/fsck/slice.ts";
import { readSpine } from "../../src/fsck/spine.ts";
import { formatCheckpoint } from "../../src/tlog/checkpoint.ts";
import { encodeBase64, encodeUtf8 } from "../../src/tlog/encoding.ts";
import type { TestTree } from "./tree.ts";

export function crewOf({ source }: TestTree): Crew {
  return {
    size: 2,
    async run(job) {
      const answer =
        job.kind === "slice"
          ? { kind: job.kind, slice: await checkSlice(source, job.slice) }
          : {
              kind: "spine" as const,
              tiles: await readSpine(source, job.kind === "spine" ? job.treeSize : 0),
              roots: [],
            };
      if (isAnswerTo(job, answer)) return { answer };
      throw new Error(`no ${job.kind} here`);
    },
    close: async () => {},
  };
}

export interface TreeOptions extends Partial<Pick<CheckOptions, "copy" | "resume" | "onState">> {
  /** What the checkpoint says; default: the tree as it was made. */
  readonly signed?: Pick<TestTree, "treeSize" | "rootHash">;
  readonly maxFindings?: number;
}

export async function checkTree(
  tree: TestTree,
  { signed = tree, maxFindings = 100, copy = "this copy", ...rest }: TreeOptions = {},
): Promise<CheckReport> {
  const text = formatCheckpoint({ origin: "example.com/log", ...signed, extensions: [] });
  const checkpoint = encodeUtf8(`${text}\n— example.com/log ${encodeBase64(new Uint8Array(68))}\n`);
  return await checkLog({ crew: crewOf(tree), checkpoint, maxFindings, copy, ...rest });
}
