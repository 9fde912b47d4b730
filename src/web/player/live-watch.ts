import type { LiveAnswer, LiveStream } from "#web/wire.ts";

/** How often the state is asked for where it is not pushed, milliseconds. */
const POLL_MS = 1_500;
/** A push that says nothing for so long is not waited for, milliseconds. */
const PUSH_DEADLINE_MS = 3_000;
/** Pushes in a row that never said anything before only asking is done: something on the way holds them back. */
const SILENT_PUSHES_MAX = 2;

/** Time in which the viewers of a stream begin to watch what it is doing, milliseconds. */
const SOON_WITHIN_MS = 1500;

/** What a watcher hears. */
export interface LiveListener {
  state(stream: LiveStream): void;
  missing(): void;
  unreachable(): void;
}

/**
 * Knows what a stream is doing: pushed where it can be, asked for where not. The connection is only held while it is needed: a browser gives
 * a host six of them over HTTP/1.1, and the player needs four.
 */
export class LiveWatch {
  readonly #stream: string;
  readonly #listener: LiveListener;
  #source: EventSource | undefined;
  #timer: number | undefined;
  #polling: AbortController | undefined;
  #silentPushes = 0;
  #soon: number | undefined;

  constructor(stream: string, listener: LiveListener) {
    this.#stream = stream;
    this.#listener = listener;
  }

  /** Starts when something happened that every viewer sees: not all of them at once. */
  startSoon(): void {
    window.clearTimeout(this.#soon);
    this.#soon = window.setTimeout(() => this.start(), Math.random() * SOON_WITHIN_MS);
  }

  /** Idempotent. */
  start(): void {
    window.clearTimeout(this.#soon);
    if (this.#source !== undefined || this.#timer !== undefined || this.#polling !== undefined) return;
    if (this.#silentPushes >= SILENT_PUSHES_MAX) {
      void this.#poll();
      return;
    }
    const source = new EventSource(`/api/v1/live/events?stream=${encodeURIComponent(this.#stream)}`);
    this.#source = source;
    this.#timer = window.setTimeout(() => this.#fallBack(), PUSH_DEADLINE_MS);
    source.addEventListener("message", (event) => {
      window.clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#silentPushes = 0;
      this.#tell(JSON.parse(String(event.data)) as LiveAnswer);
    });
    source.addEventListener("error", () => this.#fallBack());
  }

  /** Idempotent. */
  stop(): void {
    this.#source?.close();
    this.#source = undefined;
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#polling?.abort();
    this.#polling = undefined;
  }

  #tell({ streams }: LiveAnswer): void {
    const stream = streams[0];
    if (stream === undefined) this.#listener.missing();
    else this.#listener.state(stream);
  }

  #fallBack(): void {
    if (this.#source === undefined) return;
    // A server that is down says nothing about the way to it.
    if (this.#source.readyState === EventSource.OPEN) this.#silentPushes++;
    this.stop();
    void this.#poll();
  }

  async #poll(): Promise<void> {
    const polling = new AbortController();
    this.#polling = polling;
    this.#timer = undefined;
    let isRefused = false;
    try {
      const url = `/api/v1/live?stream=${encodeURIComponent(this.#stream)}`;
      const answer = await fetch(url, { signal: polling.signal, cache: "no-cache" });
      if (polling.signal.aborted) return;
      if (answer.status === 404) this.#listener.missing();
      else if (answer.ok) this.#tell((await answer.json()) as LiveAnswer);
      else isRefused = true;
    } catch {
      if (polling.signal.aborted) return;
      this.#listener.unreachable();
      isRefused = true;
    }
    if (this.#polling !== polling) return;
    this.#polling = undefined;
    this.#timer = window.setTimeout(() => {
      this.#timer = undefined;
      // Once the server answers again, the push is worth another try.
      if (isRefused) void this.#poll();
      else this.start();
    }, POLL_MS);
  }
}
