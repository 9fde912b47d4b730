import type { Slate } from "#media/slate.ts";

/** Slates that are kept for the next stream that asks for an equal one; the one not asked for longest goes first. */
const CACHED_SLATES_MAX = 32;
/** Bytes of them, pictures and sound. */
const CACHED_BYTES_MAX: number = 48 * 1024 * 1024;

function bytesOf({ pictures, sound }: Slate): number {
  let sum = 0;
  for (const { payload } of pictures) sum += payload.byteLength;
  for (const frame of sound?.frames ?? []) sum += frame.byteLength;
  return sum;
}

/** Keeps slates by what they were made of. */
export class SlateCache {
  /** The one asked for last is the last. */
  readonly #slates = new Map<string, Slate>();
  #sizeBytes = 0;

  get(content: string): Slate | undefined {
    const slate = this.#slates.get(content);
    if (slate === undefined) return undefined;
    this.#slates.delete(content);
    this.#slates.set(content, slate);
    return slate;
  }

  keep(content: string, slate: Slate): void {
    this.#drop(content);
    this.#slates.set(content, slate);
    this.#sizeBytes += bytesOf(slate);
    for (const oldest of this.#slates.keys()) {
      if (this.#slates.size <= CACHED_SLATES_MAX && this.#sizeBytes <= CACHED_BYTES_MAX) break;
      this.#drop(oldest);
    }
  }

  #drop(content: string): void {
    const slate = this.#slates.get(content);
    if (slate === undefined) return;
    this.#slates.delete(content);
    this.#sizeBytes -= bytesOf(slate);
  }
}
