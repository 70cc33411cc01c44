/** One event of a stream: its data lines, joined with newlines. */
export interface StreamedEvent {
  /** "message" where the stream names none. */
  readonly type: string;
  readonly data: string;
}

/**
 * Takes "event: checkpoint\nid: 17\ndata: …\n\n" apart, in whatever pieces it comes: lines end in CR, LF or both, a colon begins a
 * comment, `id` and `retry` are passed over. Imports nothing, since it is loaded apart from the client.  WHATWG HTML §9.2.6
 * @param maxChars - of one event with its comments, and of one line.
 * @returns a function that takes the next piece: the events that it ends, or undefined when the stream is none: not UTF-8, or too long.
 *   Then nothing more of it can be read.
 */
export function eventParser(maxChars: number): (piece: Uint8Array) => readonly StreamedEvent[] | undefined {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = ""; // of a line whose end has not come; owned by the returned function
  let type = ""; // of the event that is coming; as are the next two
  let data: string[] = [];
  let chars = 0;
  return (piece) => {
    const events: StreamedEvent[] = [];
    try {
      rest += decoder.decode(piece, { stream: true });
    } catch {
      return undefined;
    }
    // A CR at the end may be half of a line's end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      chars += line.length;
      if (chars > maxChars) return undefined;
      if (line === "") {
        if (data.length > 0) events.push({ type: type || "message", data: data.join("\n") });
        type = "";
        data = [];
        chars = 0;
      }
      const [, field, value = ""] = /^([^:]+)(?::[ ]?(.*))?$/s.exec(line) ?? [];
      if (field === "event") type = value;
      if (field === "data") data.push(value);
    }
    return rest.length > maxChars ? undefined : events;
  };
}
