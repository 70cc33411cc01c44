/** A case cannot be tried now: the reason goes into its result. */
export class InapplicableError extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.name = "InapplicableError";
    this.reason = reason;
  }
}
