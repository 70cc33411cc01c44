/** Puts pictures into the page at the width there is, and draws them again when that changes. */
import { h, put } from "./dom.ts";

const MAX_WIDTH = 1080;

/** @param draw - makes the picture for a width in pixels. */
export function fitted(draw: (width: number) => Element): HTMLElement {
  const frame = h("div", { class: "fitted" });
  let drawnWidth = 0; // owned by the observer
  new ResizeObserver(([entry]) => {
    const width = Math.min(MAX_WIDTH, Math.floor(entry?.contentRect.width ?? 0));
    if (width < 40 || width === drawnWidth) return;
    drawnWidth = width;
    put(frame, draw(width));
  }).observe(frame);
  return frame;
}
