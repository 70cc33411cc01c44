/** Subtrees that are signed on their own. draft-ietf-plants-merkle-tree-certs §4 */
import type { Subtree } from "./coordinates.ts";
import { bitLength } from "./sizes.ts";

/**
 * Whether [start, end) can be a subtree: not empty, and start is a multiple of the power of two that `end - start` rounds up to.
 * §4.1, which also lets the empty range pass: nothing can be said of one, so it is none here.
 */
export function isValidSubtree({ start, end }: Subtree): boolean {
  return (
    Number.isSafeInteger(start) &&
    Number.isSafeInteger(end) &&
    start >= 0 &&
    start < end &&
    start % 2 ** bitLength(end - start - 1) === 0
  );
}
