import { benchClient } from "../client.ts";
import { type Result, type Side, unloadedSide } from "../results.ts";
import type { Context, Row } from "../row.ts";

/** What a client does with proofs, in one process. */
export const clientRow: Row = {
  name: "client",
  about: "verifying proofs and receipts, against what they consist of and other verifiers",
  isShort: false,
  run: verify,
};

async function verify({ rounds, seconds }: Context): Promise<readonly Result[]> {
  const sections = await benchClient({ rounds, seconds });
  return Object.entries(sections).flatMap(([title, measured]) => {
    const [yardstick, ...others] = measured.map((result) => ({ ...result, side: sideOf(result) }));
    return others.map(
      ({ name, ratios, side }): Result => ({
        name: `client/${name}`,
        title,
        unit: "operations",
        ...(yardstick !== undefined && { yardstick: yardstick.side }),
        ours: side,
        ...(ratios !== undefined && { ratio: ratios }),
      }),
    );
  });
}

function sideOf({ name, perSecond }: { readonly name: string; readonly perSecond: number }): Side {
  return unloadedSide(name, { median: perSecond, min: perSecond, max: perSecond });
}
