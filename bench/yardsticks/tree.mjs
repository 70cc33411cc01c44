// A Merkle tree of entries in memory, built by one thread and kept nowhere: RFC 6962 §2.1 with the fastest hash Node has.
// tree.mjs ENTRY_BYTES BATCH_ENTRIES SECONDS: batch after batch is appended to one tree; prints leaves a second and CPU of a leaf.
import { hash } from "node:crypto";

const [entryBytes, batchEntries, seconds] = process.argv.slice(2).map(Number);
const HASH_BYTES = 32;

// Every batch has the same entries but for a number in each: what they are makes no difference to a hash.
const leaf = Buffer.alloc(1 + entryBytes, 0x61).fill(0, 0, 1);
const node = Buffer.alloc(1 + 2 * HASH_BYTES).fill(1, 0, 1);
// The right edge, a hash for each level, and how many leaves there are.
const edge = Buffer.alloc(64 * HASH_BYTES);
const row = Buffer.alloc((batchEntries + 1) * HASH_BYTES);
let leaves = 0;

function append() {
  for (let at = 0; at < batchEntries; at += 1) {
    leaf.writeDoubleBE(leaves + at, 1);
    row.latin1Write(hash("sha256", leaf, "latin1"), (at + 1) * HASH_BYTES, HASH_BYTES);
  }
  let before = leaves;
  let count = batchEntries;
  leaves += batchEntries;
  // Place 0 of the row is free for the hash that waits at the edge.
  for (let level = 0; count > 0; level += 1) {
    let start = 1;
    if (before % 2 === 1) {
      edge.copy(row, 0, level * HASH_BYTES, (level + 1) * HASH_BYTES);
      start = 0;
      count += 1;
    }
    const parents = Math.floor(count / 2);
    if (count % 2 === 1)
      row.copy(edge, level * HASH_BYTES, (start + count - 1) * HASH_BYTES, (start + count) * HASH_BYTES);
    for (let at = 0; at < parents; at += 1) {
      const from = (start + 2 * at) * HASH_BYTES;
      row.copy(node, 1, from, from + 2 * HASH_BYTES);
      row.latin1Write(hash("sha256", node, "latin1"), (at + 1) * HASH_BYTES, HASH_BYTES);
    }
    before = Math.floor(before / 2);
    count = parents;
  }
}

for (let warm = 0; warm < 20_000; warm += batchEntries) append();
const leavesBefore = leaves;
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
while (performance.now() - startedAt < seconds * 1000) append();
const elapsedMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpuBefore);
const built = leaves - leavesBefore;
process.stdout.write(
  JSON.stringify({ perSecond: (built * 1000) / elapsedMs, cpuMicrosPerOperation: (user + system) / built }),
);
