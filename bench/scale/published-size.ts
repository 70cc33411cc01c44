/** @returns the size in a log's checkpoint. c2sp.org/tlog-checkpoint: its second line */
export async function publishedSize(url: string): Promise<number> {
  const answer = await fetch(`${url}/checkpoint`, { signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw new Error(`${url}/checkpoint answered ${answer.status}`);
  const size = /^[^\n]+\n(0|[1-9]\d{0,15})\n/.exec(await answer.text())?.[1];
  if (size === undefined) throw new Error(`${url}/checkpoint: no size in its second line`);
  return Number(size);
}
