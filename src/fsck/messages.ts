/** What a check and its processes tell each other. */
import type { ErrorCode } from "../errors.ts";
import type { Answer, Done, Job, Target } from "./jobs.ts";

export type ToProcess =
  | {
      readonly kind: "open";
      readonly target: Target;
      /** Undefined: as fast as it goes. */
      readonly bytesPerSecond: number | undefined;
    }
  | {
      readonly kind: "job";
      readonly job: Job;
      /** Say what comes before it is read. */
      readonly announces: boolean;
      /** What is not to be read, since it ended a process, and why. */
      readonly avoid: ReadonlyMap<string, string>;
    };

export type FromProcess =
  | { readonly kind: "opened" }
  | { readonly kind: "progress"; readonly done: Done }
  /** This is read next. */
  | { readonly kind: "before"; readonly name: string }
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "failed"; readonly code: ErrorCode | undefined; readonly message: string };

export function isFromProcess(message: unknown): message is FromProcess {
  return isOfKind(message, ["opened", "progress", "before", "answer", "failed"]);
}

export function isToProcess(message: unknown): message is ToProcess {
  return isOfKind(message, ["open", "job"]);
}

function isOfKind(message: unknown, kinds: readonly string[]): boolean {
  return (
    typeof message === "object" &&
    message !== null &&
    "kind" in message &&
    kinds.some((kind) => kind === message.kind)
  );
}
