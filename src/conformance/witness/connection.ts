/** What goes to a witness and comes back: what is an answer of the witness's, and what says nothing about it. */
import { TlogError } from "../../errors.ts";
import { oneLine } from "../answer.ts";
import { InapplicableError } from "../inapplicable.ts";
import { type Probe, type ProbeAnswer, type ProbeRequest, unlessBusy } from "../probe.ts";
import type { WitnessCase } from "./cases.ts";
import type { LogStanding } from "./standing.ts";

/** What a request is sent for. */
export type Purpose = "discovery" | "preparation" | "case";

export interface ExchangePurpose {
  readonly case_: WitnessCase;
  readonly standing: LogStanding;
  readonly purpose: Purpose;
}

export interface ConnectionOptions {
  readonly probe: Probe;
  readonly monitoring: Probe | undefined;
  /** Told before each request. */
  readonly onExchange?: (about: { readonly caseName: string; readonly purpose: Purpose }) => void;
}

const SILENCES: ReadonlySet<string> = new Set(["REMOTE_UNREACHABLE", "REMOTE_TIMEOUT", "REMOTE_TOO_LARGE"]);

export class WitnessConnection {
  readonly #probe: Probe;
  readonly #monitoring: Probe | undefined;
  readonly #onExchange: ConnectionOptions["onExchange"];

  constructor({ probe, monitoring, onExchange }: ConnectionOptions) {
    this.#probe = unlessBusy(probe);
    this.#monitoring = monitoring && unlessBusy(monitoring);
    this.#onExchange = onExchange;
  }

  /**
   * @returns why there is no answer, where none came.
   * @throws {InapplicableError} for an answer that says nothing about the witness
   * @throws {TlogError} PROBE_EXHAUSTED | ABORTED
   */
  async exchange(
    request: ProbeRequest,
    { case_, standing, purpose }: ExchangePurpose,
  ): Promise<ProbeAnswer | TlogError> {
    this.#onExchange?.({ caseName: case_.name, purpose });
    const isRead = purpose === "case" && isForMonitor(case_);
    const probe = (isRead ? this.#monitoring : undefined) ?? this.#probe;
    try {
      return assertNotElsewhere(await probe.exchange(request));
    } catch (error) {
      // What was sent may have been stored nonetheless.
      if (!isRead) standing.lose();
      if (!(error instanceof TlogError)) throw error;
      if (error.code === "SERVER_BUSY") throw new InapplicableError(error.message);
      if (SILENCES.has(error.code)) return error;
      throw error;
    }
  }

  /** An exchange that is not the case itself. @throws {InapplicableError} also when nothing came */
  async exchangeBefore(request: ProbeRequest, about: ExchangePurpose): Promise<ProbeAnswer> {
    const answer = await this.exchange(request, about);
    if (!(answer instanceof TlogError)) return answer;
    throw new InapplicableError(`the server stopped answering: ${answer.code} to the request before it`);
  }
}

export function isForMonitor({ needs = [] }: WitnessCase): boolean {
  return needs.includes("monitoring");
}

/** Whether nothing came. */
export function isLost(answer: ProbeAnswer | TlogError): boolean {
  return answer instanceof TlogError && answer.code !== "REMOTE_TOO_LARGE";
}

/** What is elsewhere, another URL has to answer for. */
function assertNotElsewhere(answer: ProbeAnswer): ProbeAnswer {
  const { status, headers } = answer;
  if (![301, 302, 303, 307, 308].includes(status)) return answer;
  const place = oneLine(headers.get("location") ?? "nowhere");
  throw new InapplicableError(`the server redirects (${status}) to ${place}: test that URL`);
}
