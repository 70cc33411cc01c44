/**
 * Where a log's server dies, or fails, by plan. It is `bristlecone serve` with its ports wrapped when it is built (`build.ts`); nothing
 * of this is in the product.
 */
import { writeFileSync } from "node:fs";
import { TlogError } from "../../../src/errors.ts";

/**
 * In the order of the pipeline. claim: the store takes the opening's token. pool: entries are taken from the pool and get their
 * indices. commit: the batch is written and the leaf index has it. flush: of the same, the transaction alone. guard, sign, cosign
 * (as the log sees it), witness (as the witness stores it), publish: the store's rows. show: readers see the checkpoint.
 */
export const STAGES = [
  "claim",
  "pool",
  "commit",
  "flush",
  "guard",
  "sign",
  "cosign",
  "witness",
  "publish",
  "show",
] as const;
export type Stage = (typeof STAGES)[number];
export type Moment = "before" | "after";

/** What a stage was about to do, or did: as much as tells, on the disks, whether it is there. */
export interface Doing {
  /** Of the tree it makes, signs, shows… */
  readonly treeSize?: number;
  /** Of the tree before. */
  readonly fromSize?: number;
  readonly leafHash?: string;
  readonly lineage?: string;
  readonly guard?: { readonly lineage: string; readonly next: string; readonly treeSize: number };
  readonly witness?: string;
}

export interface Plan {
  readonly stage: Stage;
  /** "after": its effect is there, and nobody was told. */
  readonly moment: Moment;
  /** Which time the stage is reached, from 1. */
  readonly nth: number;
  readonly action: "kill" | "fail";
  /** The file in which the server says, last, where it was. */
  readonly notePath: string;
}

export interface Note extends Doing {
  readonly stage: Stage;
  readonly moment: Moment;
}

const PLAN = "CRASH_PLAN";

export function planEnvironment(plan: Plan | undefined): Readonly<Record<string, string>> {
  return plan === undefined ? {} : { [PLAN]: JSON.stringify(plan) };
}

const plan: Plan | undefined = JSON.parse(process.env[PLAN] ?? "null") ?? undefined;
let reached = 0; // owned by reach()

/** Ends the process, or throws, when this is where the plan says so. */
export function reach(stage: Stage, moment: Moment, doing: () => Doing | undefined): void {
  if (plan === undefined || stage !== plan.stage || moment !== plan.moment) return;
  const done = doing();
  // What was done before already tells nothing.
  if (done === undefined) return;
  reached += 1;
  if (reached !== plan.nth) return;
  const note: Note = { stage, moment, ...done };
  writeFileSync(plan.notePath, JSON.stringify(note));
  if (plan.action === "kill") process.kill(process.pid, "SIGKILL");
  throw new TlogError("STORE_FAILED", `${stage} fails as planned, ${moment} its effect`);
}

/** A stage with its two moments. */
export async function around<T>(
  stage: Stage,
  doing: (result?: T) => Doing | undefined,
  effect: () => Promise<T>,
): Promise<T> {
  reach(stage, "before", doing);
  const result = await effect();
  reach(stage, "after", () => doing(result));
  return result;
}
