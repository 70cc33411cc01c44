/** How a change of a log's keys looks on a terminal. */
import { formatVerifierKey } from "../tlog/key.ts";
import { isSameVerifierKey, type KeyChange } from "../tlog/key-change.ts";

/** In the columns of the other lines about a log. */
export function keyChangeLines({ number, atSeconds, oldKeys, newKeys }: KeyChange): readonly string[] {
  const gone = oldKeys.filter((key) => !newKeys.some((one) => isSameVerifierKey(one, key)));
  const come = newKeys.filter((key) => !oldKeys.some((one) => isSameVerifierKey(one, key)));
  return [
    `change       ${number}, ${new Date(atSeconds * 1000).toISOString().replace(".000Z", "Z")}`,
    ...gone.map((key) => `old key      ${formatVerifierKey(key)}`),
    ...come.map((key) => `new key      ${formatVerifierKey(key)}`),
  ];
}
