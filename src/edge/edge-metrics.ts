import type { Counter, Metrics } from "#observe/metrics.ts";

/** What kinds of requests are counted apart. */
export type RequestKind =
  | "multivariant"
  | "mpd"
  | "playlist"
  | "segment"
  | "part"
  | "init"
  | "poster"
  | "storyboard"
  | "still"
  | "time"
  | "other";

/** Counts what the edge answers. On the hot path it adds to numbers that exist already. */
export class EdgeMetrics {
  readonly #metrics: Metrics;
  /** Counters by kind and status. */
  readonly #requests: Readonly<Record<RequestKind, Counter[]>> = {
    multivariant: [],
    mpd: [],
    playlist: [],
    segment: [],
    part: [],
    init: [],
    poster: [],
    storyboard: [],
    still: [],
    time: [],
    other: [],
  };
  readonly #bytes: Counter;
  readonly #answerSeconds: Counter;
  readonly #answers: Counter;
  readonly #released: Counter;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#bytes = metrics.counter(
      "grandstand_edge_sent_bytes_total",
      "Bytes of response bodies handed to the HTTP server.",
    );
    this.#answerSeconds = metrics.counter(
      "grandstand_edge_part_answer_seconds_sum",
      "Time from a change of the live window to the last parked request answered, summed.",
    );
    this.#answers = metrics.counter(
      "grandstand_edge_part_answer_seconds_count",
      "Changes of the live window that released parked requests.",
    );
    this.#released = metrics.counter(
      "grandstand_edge_released_requests_total",
      "Parked requests answered by a change of the live window.",
    );
  }

  /** A request was answered. */
  count(kind: RequestKind, status: number, sizeBytes: number): void {
    const byStatus = this.#requests[kind];
    let counter = byStatus[status];
    if (counter === undefined) {
      counter = this.#metrics.counter("grandstand_edge_requests_total", "Requests answered, by kind and status.", {
        kind,
        status: String(status),
      });
      byStatus[status] = counter;
    }
    counter.add();
    if (sizeBytes > 0) this.#bytes.add(sizeBytes);
  }

  /** A change of the window released `requests` parked requests in `ms`. */
  released(requests: number, ms: number): void {
    this.#answers.add();
    this.#answerSeconds.add(ms / 1_000);
    this.#released.add(requests);
  }

  /** Registers a gauge; the answer removes it. */
  gauge(name: string, help: string, read: () => number, labels: Readonly<Record<string, string>> = {}): () => void {
    return this.#metrics.gauge(name, help, read, labels);
  }
}
