/** Makes elements. Text only ever becomes text nodes: nothing from a log is parsed as HTML, and Trusted Types forbid it. */

export type Child = Node | string | number | undefined | false | readonly Child[];

export interface Properties {
  readonly [attribute: string]: string | number | boolean | undefined | ((event: Event) => void);
}

/**
 * @param properties - attributes; a function under "onclick" and the like listens. True: present without a value; false or undefined: absent.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), properties, children);
}

/** The same for SVG. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

function fill<E extends Element>(element: E, properties: Properties, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, `${value}`);
  }
  append(element, children);
  return element;
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (typeof child === "string" || typeof child === "number") element.append(`${child}`);
    else if (child instanceof Node) element.append(child);
    else if (child !== undefined && child !== false) append(element, child);
  }
}

/** Replaces what an element holds. */
export function put(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren();
  append(element, children);
}

/** Lets the browser save bytes as a file. */
export function download(name: string, bytes: Uint8Array | string, type: string): void {
  const part = typeof bytes === "string" ? bytes : new Uint8Array(bytes);
  const url = URL.createObjectURL(new Blob([part], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The download has begun by then; revoked at once, some browsers lose it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
