/** A frame on its way to a target. */
export interface Timed {
  readonly kind: "video" | "audio";
  /** Decode time, microseconds. */
  readonly atMicros: number;
}

/** How far one kind may be ahead of the other before it goes on alone, microseconds: more than a rung needs to be made. */
const AHEAD_MICROS_MAX = 2_000_000;
/** Frames that wait for the other kind. Full: the oldest go on alone. */
const INTERLEAVED_FRAMES_MAX = 512;

/** Puts picture and sound, which come in orders of their own, into one order of decode times, as servers expect a connection's messages. */
export class Interleaver<Item extends Timed> {
  readonly #waiting: Readonly<Record<Timed["kind"], Item[]>> = { video: [], audio: [] };

  /** Takes a frame; the times of each kind grow. */
  push(item: Item): void {
    this.#waiting[item.kind].push(item);
  }

  /** What may leave. `hasVideo`, `hasAudio`: whether frames of the kind are to be waited for. */
  *take({ hasVideo, hasAudio }: { hasVideo: boolean; hasAudio: boolean }): Generator<Item> {
    const { video, audio } = this.#waiting;
    for (;;) {
      const [picture] = video;
      const [sound] = audio;
      if (picture !== undefined && sound !== undefined) {
        yield* this.#shift(sound.atMicros < picture.atMicros ? audio : video);
      } else if (picture !== undefined && (!hasAudio || this.#isLate(video))) yield* this.#shift(video);
      else if (sound !== undefined && (!hasVideo || this.#isLate(audio))) yield* this.#shift(audio);
      else return;
    }
  }

  #isLate(waiting: readonly Item[]): boolean {
    const spanMicros = (waiting.at(-1)?.atMicros ?? 0) - (waiting[0]?.atMicros ?? 0);
    return spanMicros > AHEAD_MICROS_MAX || waiting.length > INTERLEAVED_FRAMES_MAX;
  }

  *#shift(waiting: Item[]): Generator<Item> {
    const item = waiting.shift();
    if (item !== undefined) yield item;
  }
}
