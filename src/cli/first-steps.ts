/** What a person who has just started a log may want to type next. */
export interface FirstSteps {
  /** How this program is called from a shell. */
  readonly invocation: string;
  /** Where the log answers; undefined when it is where every command looks by default. */
  readonly url: string | undefined;
  readonly vkey: string;
}

/** Three commands that work as they stand, in this order: add a line, fetch its receipt, verify it offline. */
export function firstSteps({ invocation, url, vkey }: FirstSteps): readonly string[] {
  const at = url === undefined ? "" : ` --log ${url}`;
  return [
    `echo "hello, log" > hello.txt && ${invocation} add hello.txt${at}`,
    `${invocation} receipt --entry hello.txt --out hello.tlog-proof${at}`,
    `${invocation} verify hello.tlog-proof --entry hello.txt --vkey ${shellQuoted(vkey)}`,
  ];
}

/** One shell word that stands for `text`. */
export function shellQuoted(text: string): string {
  return /^[A-Za-z0-9_./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
