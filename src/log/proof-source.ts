import type { LogEvents } from "../events.ts";
import type { LogReader } from "../store/store.ts";
import type { NodeCache } from "./node-cache.ts";
import { nodesOf } from "./prove.ts";
import { Receipts } from "./receipts.ts";
import type { Withheld } from "./withheld.ts";

/**
 * What proofs and receipts are made from. All that is held is dropped when other resources are withheld: it may have been read from one
 * of them, before anybody knew. spec/decisions/0047
 */
export class ProofSource {
  readonly #make: () => { readonly nodes: NodeCache; readonly receipts: Receipts };
  #held: { readonly nodes: NodeCache; readonly receipts: Receipts }; // owned by the constructor's listener

  /** @param store - refuses what is withheld. */
  constructor(
    store: LogReader,
    options: {
      readonly withheld?: Withheld | undefined;
      readonly events?: Pick<LogEvents, "warning"> | undefined;
    } = {},
  ) {
    this.#make = () => {
      const nodes = nodesOf(store, options.events);
      return { nodes, receipts: new Receipts(nodes) };
    };
    this.#held = this.#make();
    options.withheld?.onReplaced(() => {
      this.#held = this.#make();
    });
  }

  get nodes(): NodeCache {
    return this.#held.nodes;
  }

  get receipts(): Receipts {
    return this.#held.receipts;
  }
}
