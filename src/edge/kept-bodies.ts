import type { Prepared } from "./prepared.ts";

/** Bytes of second copies kept for bodies that are asked for again and again, all streams together. Eight 1 MB segments of eight streams. */
export const KEPT_BODIES_BYTES_MAX = 67_108_864;

/** Bounds the memory of {@link Prepared} bodies that keep a second copy: the oldest lets go first, as viewers move on with the live edge. */
export class KeptBodies {
  readonly #limitBytes: number;
  readonly #kept = new Set<Prepared>();
  #bytes = 0;

  constructor(limitBytes: number = KEPT_BODIES_BYTES_MAX) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes kept now. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  /** A body has just begun to keep a copy. */
  add(prepared: Prepared): void {
    if (this.#kept.has(prepared)) return;
    this.#kept.add(prepared);
    this.#bytes += prepared.sizeBytes;
    for (const oldest of this.#kept) {
      if (this.#bytes <= this.#limitBytes || oldest === prepared) break;
      this.drop(oldest);
    }
  }

  /** A body is not served any more. */
  drop(prepared: Prepared): void {
    if (!this.#kept.delete(prepared)) return;
    this.#bytes -= prepared.sizeBytes;
    prepared.letGo();
  }
}
