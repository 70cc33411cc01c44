/** The changes of a log's keys, for the page on trust. */
import { type Child, h } from "./dom.ts";
import { type ChangedKeys, keyName } from "./key-changes.ts";
import { mark } from "./parts.ts";
import { grouped, timeText } from "./words.ts";

export function keysOverTime(changes: readonly ChangedKeys[]): Child {
  const names = (keys: ChangedKeys["oldKeys"]) => keys.map(keyName).join(", ");
  return [
    h(
      "p",
      { class: "muted" },
      "From the log's key history: each change is signed by the keys before it, and names the tree it was made at. Times are the log's.",
    ),
    h(
      "ol",
      { class: "steps" },
      changes.map(({ treeSize, atSeconds, oldKeys, newKeys, isInTree }) =>
        h(
          "li",
          { class: isInTree ? "passed" : "failed" },
          h(
            "h3",
            {},
            mark(isInTree ? "passed" : "failed"),
            `At size ${grouped(treeSize)}, ${timeText(atSeconds)}`,
          ),
          h(
            "div",
            { class: "body" },
            h("p", {}, h("code", {}, names(oldKeys)), " → ", h("code", {}, names(newKeys))),
            !isInTree &&
              h("p", {}, "The tree of this log does not begin with the tree that this change names."),
          ),
        ),
      ),
    ),
  ];
}
