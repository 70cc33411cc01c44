/** What is known of one setting, and what many of them share. */

export interface Setting {
  /** How the flag is spelled, in camel case, where it is not the setting's name. */
  readonly flag?: string;
  /** Completes "want …" in an error. */
  readonly wanted: string;
  /** The flag's argument in the help; undefined for a switch. */
  readonly placeholder?: string;
  readonly help: string;
  readonly fallback?: string | number | boolean;
  /**
   * Where it may be set; undefined: flag, environment and file. "chosen": as undefined, but not in a ./bristlecone.json that
   * nobody named, because who wrote the working directory must not say whom to trust or where a token goes.
   */
  readonly scope?: "flag" | "environment" | "chosen";
  /** The flag is `--no-NAME` and turns it off. */
  readonly negated?: true;
  /** The flag may be repeated; an environment variable separates with commas. */
  readonly repeatable?: true;
}

export const FILE = { wanted: "the path of a file", placeholder: "FILE" };
export const COUNT = { wanted: "a whole number from 1 up", placeholder: "N" };
export const BYTES = { wanted: "a whole number of bytes from 1 up", placeholder: "BYTES" };
/** Most of what setTimeout can wait is 24 days; a day is more than anybody means. */
export const MAX_WAIT_MS = 86_400_000;

export const SWITCH = { wanted: "true or false" };
export const ADDRESS = {
  wanted: "HOST:PORT (an IPv6 address in brackets), such as 127.0.0.1:6962",
  placeholder: "HOST:PORT",
};
