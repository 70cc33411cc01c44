import { benchClient, CLIENT_TARGETS, type ClientSection } from "../client.ts";
import { atLeast, type Result, unloadedSide } from "../results.ts";
import type { Context, Row } from "../row.ts";

/** What a client does with proofs, in one process. */
export const clientRow: Row = {
  name: "client",
  about: "verifying proofs and receipts, against another verifier and what they consist of",
  isShort: false,
  run: verify,
};

async function verify({ rounds, seconds }: Context): Promise<readonly Result[]> {
  return (await benchClient({ rounds, seconds })).flatMap(resultsOf);
}

/** Each measurement beside the section's yardstick. */
function resultsOf({ name, title, results }: ClientSection): readonly Result[] {
  const [yardstick, ...ours] = results ?? [];
  if (yardstick === undefined) {
    const note = "its yardstick is not installed: npm install --no-save @sigstore/verify@3.1.1";
    return [{ name: `client/${name}`, title: `${title}: not measured`, unit: "operations", notes: [note] }];
  }
  return ours.map((one): Result => {
    const target = CLIENT_TARGETS[`${name}/${one.name}`];
    return {
      name: `client/${name}/${one.name}`,
      title,
      unit: "operations",
      yardstick: sideOf(yardstick),
      ours: sideOf(one),
      ...(one.ratios !== undefined && { ratio: one.ratios }),
      ...(target !== undefined &&
        one.ratio !== undefined && { targets: [atLeast(target, one.ratio, "ratio")] }),
    };
  });
}

function sideOf({ name, perSecond }: { readonly name: string; readonly perSecond: number }) {
  return unloadedSide(name, { median: perSecond, min: perSecond, max: perSecond });
}
