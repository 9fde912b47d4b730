import { TrackMeter } from "#link/track-health.ts";
import type { RawTrack } from "#media/frame.ts";

/** What comes in on each track of a broadcast, whoever sends it. */
export class TrackMeters {
  /** Pictures by their number, sounds below zero: a number, as this is asked for every frame. */
  readonly #meters = new Map<number, TrackMeter>();

  /** The track's meter; a new one where nothing came yet. */
  of(raw: RawTrack): TrackMeter {
    const key = raw.kind === "video" ? raw.number : -1 - raw.number;
    let meter = this.#meters.get(key);
    if (meter === undefined) {
      meter = new TrackMeter();
      this.#meters.set(key, meter);
    }
    return meter;
  }

  /** A second is over; it lasted `seconds`. */
  close(seconds: number): void {
    for (const meter of this.#meters.values()) meter.close(seconds);
  }
}
