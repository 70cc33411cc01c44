/** A part of a page that is drawn again when what it shows changes, but never under the reader's fingers. */
import { type Child, h, put } from "./dom.ts";

export interface LivePart {
  readonly element: HTMLElement;
  /** @param key - stands for all that `draw` shows. While the focus is in the part, it stays as it is until the focus leaves. */
  show(key: string, draw: () => Child): void;
}

export function livePart(): LivePart {
  const element = h("div", {});
  let shown: string | undefined; // owned by show()
  let waiting: (() => void) | undefined; // owned by show() and the listener
  const show: LivePart["show"] = (key, draw) => {
    waiting = undefined;
    if (key === shown) return;
    if (element.contains(document.activeElement)) {
      waiting = () => show(key, draw);
      return;
    }
    shown = key;
    put(element, draw());
  };
  // After it: then the focus is where it goes.
  element.addEventListener("focusout", () => setTimeout(() => waiting?.()));
  return { element, show };
}
