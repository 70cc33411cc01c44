/** GET of tiles: nginx on files beside our server on its store, the same random tiles, one core each, wrk on another. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type FigureRow, figureRows } from "../figures.ts";
import { alternate } from "../pairs.ts";
import type { Pinning } from "../pinning.ts";
import { build, openBuildFolder } from "../scale/build.ts";
import { newFolder } from "../script.ts";
import { startLog } from "../servers.ts";
import { startNginx, writeTiles } from "./tile-files.ts";
import { getScript, type WrkRound, wrk } from "./wrk.ts";

export interface TileRowsPlan {
  readonly folder: string;
  /** Of the log. */
  readonly entries: number;
  readonly connections: readonly number[];
  readonly pairs: number;
  readonly seconds: number;
  readonly pinning: Pinning;
}

export interface TileRow {
  readonly title: string;
  readonly figures: readonly FigureRow[];
}

const FIGURES = {
  "tiles/s": { of: ({ perSecond }: WrkRound) => perSecond, target: ">= 0.45" },
  "p50, ms": { of: ({ p50Ms }: WrkRound) => p50Ms },
  "p99, ms": { of: ({ p99Ms }: WrkRound) => p99Ms },
};

export async function tileRows(plan: TileRowsPlan): Promise<readonly TileRow[]> {
  const folder = newFolder(plan.folder);
  const log = openBuildFolder(folder);
  const { server: cores, generator } = plan.pinning;
  try {
    const own = await startLog({ data: log.data, cores });
    try {
      await build(own.url, log, plan.entries);
      const tiles = await writeTiles(own.url, plan.entries, join(folder, "files"));
      const nginx = await startNginx(join(folder, "files"), tiles, cores);
      try {
        const script = getScript(`"/tile/0/" .. tile(random(${tiles}))`);
        const rows: TileRow[] = [];
        for (const connections of plan.connections) {
          const round = { connections, seconds: plan.seconds, cores: generator, script };
          const pairs = await alternate(plan.pairs, {
            yardstick: () => wrk(nginx.url, round),
            ours: () => wrk(own.url, round),
          });
          const title = `GET of ${tiles} full tiles at random, ${connections} connections, ${plan.pinning.text}`;
          rows.push({ title, figures: figureRows(pairs, FIGURES) });
        }
        return rows;
      } finally {
        await nginx.stop();
      }
    } finally {
      await own.stop();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
