/** Stage by way of ending: what was on the disks. */
import { PERSISTED } from "./look.ts";
import { type Moment, STAGES, type Stage } from "./server/failpoints.ts";

const WAYS = ["kill before", "kill after", "fail before", "fail after"] as const;
type Way = (typeof WAYS)[number];

interface Cell {
  there: number;
  absent: number;
  recovered: number;
}

interface NamedEnding {
  readonly how: "kill" | "fail";
  readonly stage: Stage;
  readonly moment: Moment;
}

export class Outcomes {
  readonly #cells = new Map<string, Cell>(); // owned by #cell()

  add(at: NamedEnding, isThere: boolean): void {
    this.#cell(at)[isThere ? "there" : "absent"] += 1;
  }

  /** The log went on after the failure, and published what came then. */
  recovered(at: NamedEnding): void {
    this.#cell(at).recovered += 1;
  }

  /** Cells in which something was there that must not be, or the other way round. */
  wrong(): readonly string[] {
    return STAGES.flatMap((stage) =>
      WAYS.flatMap((way) => {
        const cell = this.#cells.get(keyOf(stage, way));
        const wanted = PERSISTED[stage][way.endsWith("before") ? "before" : "after"];
        const wrong = wanted ? cell?.absent : cell?.there;
        return (wrong ?? 0) > 0 ? [`${stage}, ${way}: ${wrong} times ${wanted ? "absent" : "there"}`] : [];
      }),
    );
  }

  /** Which cells no round has met. */
  missing(): readonly string[] {
    return STAGES.flatMap((stage) =>
      WAYS.filter((way) => stage !== "show" || way === "kill after")
        .filter((way) => !this.#cells.has(keyOf(stage, way)))
        .map((way) => keyOf(stage, way)),
    );
  }

  toString(): string {
    const rows = STAGES.map((stage) => [stage, ...WAYS.map((way) => this.#text(stage, way))]);
    return [["the effect is", ...WAYS], ...rows]
      .map((row) =>
        row
          .map((text) => text.padEnd(18))
          .join("")
          .trimEnd(),
      )
      .join("\n");
  }

  #text(stage: Stage, way: Way): string {
    const cell = this.#cells.get(keyOf(stage, way));
    if (cell === undefined) return "-";
    return Object.entries(cell)
      .flatMap(([what, count]) => (count > 0 ? [`${what} ${count}`] : []))
      .join(", ");
  }

  #cell({ how, stage, moment }: NamedEnding): Cell {
    const key = keyOf(stage, `${how} ${moment}`);
    const cell = this.#cells.get(key) ?? { there: 0, absent: 0, recovered: 0 };
    this.#cells.set(key, cell);
    return cell;
  }
}

function keyOf(stage: Stage, way: string): string {
  return `${stage}, ${way}`;
}
