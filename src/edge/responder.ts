import type { Clock } from "#time/clock.ts";
import { unsatisfiableRange } from "./answer.ts";
import { parseByteRange } from "./byte-range.ts";
import type { EdgeMetrics, RequestKind } from "./edge-metrics.ts";
import { matchesTag } from "./negotiation.ts";
import type { Prepared } from "./prepared.ts";

/** Makes a response from a prepared body as the request's conditions want it (RFC 9110 §13, §14), and counts it. */
export class Responder {
  readonly #metrics: EdgeMetrics;
  readonly #clock: Clock;

  constructor(metrics: EdgeMetrics, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  /** 200, 206, 304 or 416; without a body for HEAD. */
  send(prepared: Prepared, kind: RequestKind, request: Request, isHead: boolean): Response {
    const { headers } = request;
    const known = headers.get("if-none-match");
    if (known !== null && matchesTag(known, prepared.tag)) {
      this.#metrics.count(kind, 304, 0);
      return prepared.notModified();
    }
    if (isHead) {
      this.#metrics.count(kind, 200, 0);
      return prepared.head(this.#clock.wallMs());
    }
    if (prepared.ranges) {
      const wanted = headers.get("range");
      if (wanted !== null) {
        const response = this.#partial(prepared, kind, wanted, headers.get("if-range"));
        if (response !== undefined) return response;
      }
    }
    this.#metrics.count(kind, 200, prepared.sizeBytes);
    return prepared.response();
  }

  /** A refusal, counted. */
  refuse(kind: RequestKind, response: Response): Response {
    this.#metrics.count(kind, response.status, 0);
    return response;
  }

  /** `undefined` when the whole body is the answer: another version is meant, or the range is none we serve. */
  #partial(prepared: Prepared, kind: RequestKind, wanted: string, condition: string | null): Response | undefined {
    if (condition !== null && condition !== prepared.tag) return undefined;
    const range = parseByteRange(wanted, prepared.sizeBytes);
    if (range === undefined) return undefined;
    if (range === "unsatisfiable") return this.refuse(kind, unsatisfiableRange(prepared.sizeBytes));
    this.#metrics.count(kind, 206, range.last - range.first + 1);
    return prepared.partial(range.first, range.last);
  }
}
