/** What a terminal obeys instead of showing: control characters, and those that reorder the text around them. */
const COMMANDING = /[\p{Cc}\p{Bidi_Control}]/gu;

/**
 * Text for people, of which parts may be a stranger's: what a terminal would obey becomes "\u001b"; lines and tabs stay.
 * JSON with its own line breaks means the same afterwards.
 */
export function printable(text: string): string {
  return text.replace(COMMANDING, (char) => (char === "\n" || char === "\t" ? char : escaped(char)));
}

/** As {@link printable}, for what must stay one line. */
export function printableLine(text: string): string {
  return text.replace(COMMANDING, escaped);
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
