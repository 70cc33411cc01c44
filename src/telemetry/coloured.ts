/** SGR parameters: of the level's word, and of what follows the message. ECMA-48 §8.3.117 */
const OF_LEVEL: Readonly<Record<string, string>> = Object.freeze({ debug: "2", warn: "33", error: "31" });
const FAINT = "2";

/**
 * A pretty line in the terminal's own colours, which a person has chosen to be readable: yellow warnings, red errors, and faintly the time and
 * what only details say.
 * @param line - "12:03:04.120 warn   message  name=value", with nothing in it that a terminal obeys.
 */
export function coloured(line: string): string {
  const [, time = "", level = "", rest = line] = /^(\S+) (\w+) +(.*)$/.exec(line) ?? [];
  if (time === "") return line;
  const detailsAt = rest.search(/ {2}\w+=/);
  const [message, details] =
    detailsAt === -1 ? [rest, ""] : [rest.slice(0, detailsAt), rest.slice(detailsAt)];
  const word = paint(level.padEnd(5), OF_LEVEL[level]);
  return `${paint(time, FAINT)} ${word}  ${message}${paint(details, FAINT)}`;
}

function paint(text: string, parameter: string | undefined): string {
  return parameter === undefined || text === "" ? text : `\x1b[${parameter}m${text}\x1b[0m`;
}
