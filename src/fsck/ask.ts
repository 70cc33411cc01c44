/** Has jobs done, and takes note of those that nobody survives. */
import type { Extent, FindingList } from "./finding.ts";
import type { AnswerTo, Crew, Job } from "./jobs.ts";

/** @returns undefined, and adds a finding, when no process survives it. @param where - what it is about, for people. @param spoils - what nobody should read then. */
export type Ask = <J extends Job>(
  job: J,
  where: string,
  leafIndex?: number,
  spoils?: readonly Extent[],
) => Promise<AnswerTo<J> | undefined>;

export function asking(crew: Crew, found: FindingList): Ask {
  return async (job, where, leafIndex, spoils) => {
    const outcome = await crew.run(job);
    if ("answer" in outcome) return outcome.answer;
    found.add({
      kind: "store",
      where,
      detail: `whoever reads it is ended (${outcome.died}): the file was cut off, or its pages point nowhere`,
      cause: "corruption",
      remedy: "copy",
      leafIndex,
      spoils,
    });
    return undefined;
  };
}
