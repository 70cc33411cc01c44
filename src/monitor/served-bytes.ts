import type { Fetcher } from "../../client/fetcher.ts";

/** A tile, a bundle or a checkpoint as it came over the network. */
export interface ServedBytes {
  /** Below the log's URL, without a leading slash. */
  readonly path: string;
  readonly body: Uint8Array;
}

/** Remembers what a log serves, for as long as one look at it takes: so that wrong bytes can be shown to others. */
export interface Recorder {
  readonly fetcher: Fetcher;
  /** What was served since the last call; of a path that was asked for twice, the last answer. */
  take(): readonly ServedBytes[];
}

export function openRecorder(fetcher: Fetcher): Recorder {
  let served = new Map<string, Uint8Array>(); // owned by request() and take()
  return {
    fetcher: {
      ...fetcher,
      request: async (request) => {
        const response = await fetcher.request(request);
        served.set(request.path, response.body);
        return response;
      },
    },
    take() {
      const taken = [...served].map(([path, body]) => ({ path, body }));
      served = new Map();
      return taken;
    },
  };
}
