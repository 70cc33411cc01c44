/** Shows the bytes of an entry: as text, with indentation, or in hex. */
import { h } from "./dom.ts";
import { type EntryFormat, formatOf } from "./entry-formats.ts";
import { hexDump } from "./hex-dump.ts";
import { facts } from "./parts.ts";
import { bytesText, grouped } from "./words.ts";

/** What is shown of an entry; all of it can be downloaded. */
const MAX_SHOWN_BYTES = 16 * 1024;

export function entryViewer(entry: Uint8Array): HTMLElement {
  const format = formatOf(entry);
  const views = viewsOf(entry, format);
  const [first] = views;
  const body = h("pre", { class: "bytes", tabindex: 0, role: "region", "aria-label": "The entry" });
  const buttons = views.map(({ name, text }) =>
    h(
      "button",
      { type: "button", "aria-pressed": `${name === first?.name}`, onclick: () => show(name, text()) },
      name,
    ),
  );
  const show = (name: string, text: string) => {
    body.textContent = text;
    body.classList.toggle("hex", name === "Hex");
    for (const button of buttons) button.setAttribute("aria-pressed", `${button.textContent === name}`);
  };
  if (first !== undefined) show(first.name, first.text());
  const isCut = entry.length > MAX_SHOWN_BYTES;
  return h(
    "div",
    { class: "viewer" },
    h(
      "div",
      { class: "bar" },
      h("span", { class: "tag" }, format.label),
      h(
        "span",
        { class: "muted" },
        `${bytesText(entry.length)}${entry.length >= 1024 ? ` (${grouped(entry.length)} bytes)` : ""}`,
      ),
      h("span", { class: "buttons", role: "group", "aria-label": "Show as" }, buttons),
    ),
    format.facts.length > 0 && facts(...format.facts.map(({ name, value }) => [name, value] as const)),
    body,
    isCut && h("p", { class: "muted" }, `The first ${bytesText(MAX_SHOWN_BYTES)} are shown.`),
  );
}

function viewsOf(
  entry: Uint8Array,
  { text, pretty }: EntryFormat,
): readonly { readonly name: string; text(): string }[] {
  const hex = {
    name: "Hex",
    text: () => hexDump(entry.subarray(0, MAX_SHOWN_BYTES), innerWidth < 560 ? 8 : 16),
  };
  if (text === undefined) return [hex];
  const plain = { name: "Text", text: () => (text === "" ? "(no bytes)" : text.slice(0, MAX_SHOWN_BYTES)) };
  if (pretty === undefined) return [plain, hex];
  return [{ name: "Indented", text: () => pretty.slice(0, 2 * MAX_SHOWN_BYTES) }, plain, hex];
}

/** One line about an entry, for lists. */
export function previewOf(entry: Uint8Array): string {
  const { label, text } = formatOf(entry.subarray(0, 400));
  if (text === undefined) {
    const hex = [...entry.subarray(0, 24)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return label === "binary" ? hex : `${label}: ${hex}`;
  }
  const line = text.replace(/\s+/g, " ").trim();
  return line === "" ? "(empty)" : line.slice(0, 160);
}
