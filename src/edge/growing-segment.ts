import type { Segment } from "#packaging/window.ts";

/** How long after its seal a reader of a growing segment may still be reading, milliseconds: twice what a segment commonly lasts. */
export const GROWING_DRAIN_MS_MAX = 10_000;

interface Reader {
  readonly segment: Segment;
  /** Set while the reader has everything there is. */
  wake: (() => void) | undefined;
  sealedAtMs: number | undefined;
  controller: ReadableStreamDefaultController<Uint8Array> | undefined;
}

/**
 * Bodies of segments that are still growing: each part is sent as soon as it is whole (low-latency DASH, chunked transfer). A reader pulls, so a
 * slow one holds nothing but its place; one that has not finished long after the seal is cut.
 */
export class GrowingSegments {
  readonly #readers = new Set<Reader>();

  /** Responses under way. */
  get count(): number {
    return this.#readers.size;
  }

  /** A body that ends when the segment is sealed, and fails when the segment turns out to have a hole. */
  open(segment: Segment): ReadableStream<Uint8Array> {
    const reader: Reader = { segment, wake: undefined, sealedAtMs: undefined, controller: undefined };
    let next = 0;
    this.#readers.add(reader);
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          reader.controller = controller;
        },
        pull: async (controller) => {
          for (;;) {
            const part = segment.parts[next];
            if (part !== undefined) {
              next++;
              controller.enqueue(part.bytes);
              return;
            }
            if (segment.sealed || !this.#readers.has(reader)) break;
            const { promise, resolve } = Promise.withResolvers<void>();
            reader.wake = resolve;
            await promise;
          }
          if (!this.#readers.delete(reader)) return;
          if (segment.gap) controller.error(new Error("the segment did not arrive whole"));
          else controller.close();
        },
        cancel: () => {
          this.#readers.delete(reader);
          reader.wake?.();
        },
      },
      { highWaterMark: 1 },
    );
  }

  /** Something changed: readers that had everything look again. */
  advance(): void {
    for (const reader of this.#readers) {
      const { wake } = reader;
      reader.wake = undefined;
      wake?.();
    }
  }

  /** Cuts readers that are too slow. */
  expire(nowMs: number): void {
    for (const reader of this.#readers) {
      if (!reader.segment.sealed) continue;
      reader.sealedAtMs ??= nowMs;
      if (nowMs - reader.sealedAtMs > GROWING_DRAIN_MS_MAX) this.#cut(reader, "the reader is too slow");
    }
  }

  /** Cuts everybody, for a broadcast that is gone or a server that closes. */
  cutAll(): void {
    for (const reader of this.#readers) this.#cut(reader, "the broadcast is gone");
  }

  #cut(reader: Reader, why: string): void {
    this.#readers.delete(reader);
    reader.controller?.error(new Error(why));
    reader.wake?.();
  }
}
