/** Which kinds of logs are killed, and where. */
import { type Moment, STAGES, type Stage } from "./server/failpoints.ts";

export interface LaneKind {
  readonly name: string;
  readonly args: readonly string[];
  readonly witnesses: number;
  readonly readers: number;
  /** The leaf index makes runs of 256 leaves, and merges them, in every life. */
  readonly hasSmallRuns: boolean;
}

export const LANES: readonly LaneKind[] = [
  { name: "one process", args: [], witnesses: 0, readers: 0, hasSmallRuns: true },
  { name: "two readers", args: ["--readers", "2"], witnesses: 0, readers: 2, hasSmallRuns: false },
  {
    name: "three witnesses",
    args: ["--local-witnesses", "3", "--checkpoint-interval", "40"],
    witnesses: 3,
    readers: 0,
    hasSmallRuns: false,
  },
  {
    name: "readers and witnesses",
    args: ["--readers", "2", "--local-witnesses", "3", "--checkpoint-interval", "40"],
    witnesses: 3,
    readers: 2,
    hasSmallRuns: true,
  },
];

/** How a server's life ends. */
export type Ending =
  | { readonly how: "at random" }
  | {
      /** "kill": SIGKILL there. "fail": the stage throws, and the server is killed when it has said what it makes of that. */
      readonly how: "kill" | "fail";
      readonly stage: Stage;
      readonly moment: Moment;
    };

/** Every ending at a named point once, and one at random for every two of them. */
function endings(): readonly Ending[] {
  const named = (["kill", "fail"] as const).flatMap((how) =>
    STAGES.flatMap((stage) => momentsOf(stage, how).map((moment): Ending => ({ how, stage, moment }))),
  );
  return [
    ...named,
    ...named.flatMap((_, at): readonly Ending[] => (at % 2 === 0 ? [{ how: "at random" }] : [])),
  ];
}

/** What is shown was shown: there is nothing before, and nothing that could fail. */
function momentsOf(stage: Stage, how: "kill" | "fail"): readonly Moment[] {
  if (stage !== "show") return ["before", "after"];
  return how === "kill" ? ["after"] : [];
}

/** Which time a stage is reached counts: the first times are those of the opening itself. */
export function nthOf(stage: Stage, random: () => number): number {
  if (stage === "claim") return 1;
  const most = stage === "publish" || stage === "show" ? 4 : 16;
  return 1 + Math.floor(random() * most);
}

/** What is still to come: each ending once, in any of the lanes, before one comes a second time. */
export class Endings {
  readonly #random: () => number;
  #left: Ending[] = []; // owned by next() and again()

  constructor(random: () => number) {
    this.#random = random;
  }

  /** One that the lane can meet. */
  next({ witnesses }: LaneKind): Ending {
    const fits = (ending: Ending) =>
      witnesses > 0 || ending.how === "at random" || !["cosign", "witness"].includes(ending.stage);
    if (!this.#left.some(fits)) this.#left.push(...endings());
    const [ending] = this.#left.splice(this.#anyOf(fits), 1);
    if (ending === undefined) throw new Error("no ending fits");
    return ending;
  }

  /** One that did not come about. */
  again(ending: Ending): void {
    this.#left.push(ending);
  }

  #anyOf(fits: (ending: Ending) => boolean): number {
    const places = this.#left.flatMap((ending, at) => (fits(ending) ? [at] : []));
    return places[Math.floor(this.#random() * places.length)] ?? -1;
  }
}

/** Numbers in [0, 1) that follow from the seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
