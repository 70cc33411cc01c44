/** A crew of one: this process. For what cannot die of reading, and for a server that checks itself. */

import { InvariantError } from "../errors.ts";
import { type Checker, openChecker } from "./checker.ts";
import { type Crew, type Done, isAnswerTo, type Job, type Target } from "./jobs.ts";

export function openInlineCrew(
  target: Target,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((done: Done) => void) | undefined;
  } = {},
): Crew {
  const checker: Checker = openChecker(target, options);
  return {
    size: 1,
    async run(job) {
      return { answer: await answerOf(checker, job) };
    },
    close: () => checker.close(),
  };
}

async function answerOf<J extends Job>(checker: Checker, job: J) {
  const answer = await checker.run(job);
  if (isAnswerTo(job, answer)) return answer;
  throw new InvariantError(`${job.kind} was answered by ${answer.kind}`);
}
