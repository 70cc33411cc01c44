import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { InvariantError } from "../errors.ts";
import { type WriteAccess, writeCheck } from "../http/access.ts";
import { ADD_TYPES, appendedAnswer, indexAnswer } from "../http/added-answers.ts";
import { readBody } from "../http/body.ts";
import type { Answer } from "../http/exchange.ts";
import { PlainRequests } from "../http/exchange-router.ts";
import { SocketExchange, sendAnswer } from "../http/exchange-socket.ts";
import { preferredType } from "../http/negotiate.ts";
import { type OnError, problemAnswer } from "../http/problem.ts";
import { RECEIPT_TYPE } from "../http/receipts.ts";
import { AskedRequest, type RequestWatch, recordAnswer, withRequestId } from "../http/request-log.ts";
import type { Appended } from "../log/log.ts";

/** Where answers are counted and told; what is passed on is there. */
export interface AddHereOptions extends RequestWatch {
  readonly access: WriteAccess;
  readonly maxEntryBytes: number;
  /** Resolves with undefined when nobody can say whether the entry was added. */
  readonly add: (entry: Uint8Array) => Promise<Appended | undefined>;
  readonly onError: OnError;
  /** Gets what is not a plain `POST /add`, or asks for a receipt, or comes with a token that may not write as much as it likes. */
  readonly passOn: RequestListener;
}

/**
 * `POST /add` in a reader: the verdicts and answers of `addRoutes`, of which this is what concerns the request alone. Only the entry
 * goes to the writer.
 */
export function addHere(options: AddHereOptions): RequestListener {
  const permitFor = writeCheck(options.access);
  const plainAdds = new PlainRequests([{ method: "POST", path: "/add", handle: notCalled }]);
  const { signal: closing } = new AbortController(); // Nothing here waits for longer than its entry takes.
  const answerTo = async (exchange: SocketExchange, type: "text/plain" | "application/json") => {
    const appended = await options.add(await readBody(exchange, options.maxEntryBytes));
    if (appended === undefined) return undefined;
    return type === "text/plain" ? indexAnswer(appended) : appendedAnswer(appended);
  };
  const serve = async (
    exchange: SocketExchange,
    type: "text/plain" | "application/json",
    { asked, incoming, outgoing, route }: Asking,
  ): Promise<void> => {
    let answer: Answer | undefined;
    try {
      if (permitFor(exchange).isLimited) return options.passOn(incoming, outgoing);
      answer = await answerTo(exchange, type);
    } catch (error) {
      const requestId = asked.id;
      answer = problemAnswer(error, { method: "POST" }, { requestId });
      if (answer.status === 500) options.onError({ error, method: "POST", path: "/add", requestId });
    }
    if (answer === undefined) {
      outgoing.destroy();
      return;
    }
    recordAnswer(options, asked, { route, answer });
    sendAnswer(incoming, outgoing, withRequestId(answer, asked));
  };
  return (incoming, outgoing) => {
    const plain = plainAdds.recognise(incoming);
    if (plain === undefined) return options.passOn(incoming, outgoing);
    const asked = new AskedRequest(incoming, { isPassedOn: false });
    const exchange = new SocketExchange({ incoming, outgoing, asked, site: plain.site, closing });
    const type = preferredType(exchange.header("accept"), ADD_TYPES);
    if (type === RECEIPT_TYPE) return options.passOn(incoming, outgoing);
    void serve(exchange, type, { asked, incoming, outgoing, route: plain.route });
  };
}

interface Asking {
  readonly asked: AskedRequest;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly route: number;
}

function notCalled(): never {
  throw new InvariantError("the request was only to be recognised");
}
