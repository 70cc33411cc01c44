/** What every view gets. */
import type { Session } from "./session.ts";

export interface Page {
  readonly session: Session;
  /** What the view fills. */
  readonly main: HTMLElement;
  /** Aborts when the reader goes elsewhere. */
  readonly signal: AbortSignal;
  /** Of the browser's tab. */
  title(text: string): void;
}
