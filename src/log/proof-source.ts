import { TlogError } from "../errors.ts";
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
  #held: { readonly nodes: NodeCache; readonly receipts: Receipts }; // owned by the constructor's listener and receipt()

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

  /**
   * As {@link Receipts.encode}. Where what is held does not hash to the signed root, storage is read once more: what was read wrong once, in
   * a tile that is not full and so in no tile above, would be refused until the tile grows.
   */
  async receipt(...of: Parameters<Receipts["encode"]>): Promise<Uint8Array> {
    const held = this.#held;
    try {
      return await held.receipts.encode(...of);
    } catch (error) {
      if (!(error instanceof TlogError) || error.code !== "STORE_DAMAGED") throw error;
      const anew = this.#make();
      const receipt = await anew.receipts.encode(...of);
      // Only what is better than what was held: a damaged disk must not have all of it read again for each request.
      if (this.#held === held) this.#held = anew;
      return receipt;
    }
  }
}
