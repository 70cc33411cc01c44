/** Runs in a process of its own: a leaf index that grows, writes and merges runs, and is opened again. Arguments: DIRECTORY LEAVES */

import { grow, openIndex, TileYard } from "../store/leaf-index/yard.ts";
import { hashNamed } from "../store/model.ts";

const [directory = "", leaves = ""] = process.argv.slice(2);
const yard = new TileYard();
for (let life = 0; life < 3; life++) {
  const index = await openIndex(yard, directory);
  const end = Math.floor((Number(leaves) * (life + 1)) / 3);
  const hashes = Array.from({ length: end - yard.size }, (_, at) => hashNamed(`leaf ${yard.size + at}`));
  await grow(yard, index, hashes);
  await index.close();
}
