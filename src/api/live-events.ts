import type { LiveAnswer } from "#web/wire.ts";
import type { LiveBoard } from "./live-board.ts";

/** Pages that may listen at the same time; further ones are answered 503 and ask again by themselves. About 10 kB each. */
export const EVENT_STREAMS_MAX = 5_000;
/** A line is sent this often, so that nobody on the way takes the silence for the end, milliseconds. */
const BEAT_MS = 15_000;
/** Longest delay between a change and the event that tells it: changes that come together are told together, milliseconds. */
const GATHER_MS = 20;

interface Listener {
  /** Absent: everything on air. */
  readonly stream: string | undefined;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** The text told last, so that nothing is told twice. */
  told: string;
}

const encoder = new TextEncoder();
const BEAT = encoder.encode(": on\n\n");

/**
 * Server-sent events (HTML §9.2) of what is on air. Each event carries the whole state, so that a reader who is slow misses nothing but what
 * is no longer true: while a connection is not drained, nothing more is written to it.
 */
export class LiveEvents {
  readonly #board: LiveBoard;
  readonly #listeners = new Set<Listener>();
  readonly #stop: () => void;
  readonly #beat: ReturnType<typeof setInterval>;
  #gathering: ReturnType<typeof setTimeout> | undefined;

  constructor(board: LiveBoard) {
    this.#board = board;
    this.#stop = board.onChange(() => this.#changed());
    this.#beat = setInterval(() => this.#tellBeat(), BEAT_MS);
    this.#beat.unref();
  }

  /** Connections listening now. */
  get size(): number {
    return this.#listeners.size;
  }

  #answer(stream: string | undefined): string {
    if (stream === undefined) return JSON.stringify({ streams: this.#board.onAir() } satisfies LiveAnswer);
    const one = this.#board.stream(stream);
    return JSON.stringify({ streams: one === undefined ? [] : [one] } satisfies LiveAnswer);
  }

  #changed(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      const texts = new Map<string | undefined, string>();
      for (const listener of this.#listeners) {
        let text = texts.get(listener.stream);
        if (text === undefined) {
          text = this.#answer(listener.stream);
          texts.set(listener.stream, text);
        }
        this.#tell(listener, text);
      }
    }, GATHER_MS);
  }

  #tell(listener: Listener, text: string): void {
    if (text === listener.told || (listener.controller.desiredSize ?? 0) <= 0) return;
    listener.told = text;
    listener.controller.enqueue(encoder.encode(`data: ${text}\n\n`));
  }

  #tellBeat(): void {
    for (const listener of this.#listeners) {
      if ((listener.controller.desiredSize ?? 0) > 0) listener.controller.enqueue(BEAT);
    }
  }

  /** A body that tells the state now and each change of it; `undefined` when {@link EVENT_STREAMS_MAX} pages listen already. */
  open(stream: string | undefined): ReadableStream<Uint8Array> | undefined {
    if (this.#listeners.size >= EVENT_STREAMS_MAX) return undefined;
    let listener: Listener | undefined;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          listener = { stream, controller, told: "" };
          this.#listeners.add(listener);
          controller.enqueue(encoder.encode("retry: 1000\n\n"));
        },
        // Called whenever the connection has taken what was written: what changed meanwhile is told now.
        pull: () => {
          if (listener !== undefined) this.#tell(listener, this.#answer(stream));
        },
        cancel: () => {
          if (listener !== undefined) this.#listeners.delete(listener);
        },
      },
      { highWaterMark: 2 },
    );
  }

  /** Ends every connection; pages connect again by themselves. */
  close(): void {
    this.#stop();
    clearInterval(this.#beat);
    clearTimeout(this.#gathering);
    for (const { controller } of this.#listeners) controller.close();
    this.#listeners.clear();
  }
}
