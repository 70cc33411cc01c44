/** For programs that show how a log's keys changed; a client follows changes by itself. spec/key-history.md */
export { KEY_HISTORY_PATH, MAX_KEY_HISTORY_BYTES, openKeyHistory } from "../src/tlog/key-history.ts";
