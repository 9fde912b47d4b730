import type { Track } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";

/** Seconds of bitrate kept for graphs. */
export const HISTORY_SECONDS_MAX = 300;

/** One track of a broadcast. */
export interface TrackHealth {
  readonly name: string;
  readonly kind: "video" | "audio";
  readonly codec: string;
  readonly codecs: string;
  readonly width: number | null;
  readonly height: number | null;
  /** Frames per second, measured where they are not constant; `null` for sound. */
  readonly frameRate: number | null;
  readonly sampleRate: number | null;
  readonly channels: number | null;
  readonly bitrate: number;
  /** One value a second, oldest first. */
  readonly bitrateHistory: readonly number[];
}

/** Something an operator should change, in words. */
export interface HealthWarning {
  readonly code: string;
  readonly sentence: string;
  readonly fix: string;
}

/** Bytes and frames of one track, a value a second. */
export class TrackMeter {
  readonly history: number[] = [];
  #bytes = 0;
  #frames = 0;
  #frameRates: number[] = [];

  add(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    this.#frames++;
  }

  /** A second is over; it lasted `seconds`. */
  close(seconds: number): void {
    this.history.push(Math.round((this.#bytes * 8) / seconds));
    if (this.history.length > HISTORY_SECONDS_MAX) this.history.shift();
    this.#frameRates.push(this.#frames / seconds);
    if (this.#frameRates.length > 5) this.#frameRates.shift();
    this.#bytes = 0;
    this.#frames = 0;
  }

  /** Mean of the last five seconds, bits per second. */
  get bitrate(): number {
    const last = this.history.slice(-5);
    return last.length === 0 ? 0 : Math.round(last.reduce((sum, value) => sum + value, 0) / last.length);
  }

  /** Mean of the last five seconds. */
  get frameRate(): number {
    const last = this.#frameRates;
    return last.length === 0 ? 0 : last.reduce((sum, value) => sum + value, 0) / last.length;
  }
}

/** A track with its meter, as health shows it. `steadyRate`: frames per second, where they are known to be constant. */
export function trackHealth(track: Track, meter: TrackMeter, steadyRate?: Rational): TrackHealth {
  const { config } = track;
  const isVideo = config.kind === "video";
  const rate = steadyRate === undefined ? meter.frameRate : steadyRate.num / steadyRate.den;
  return {
    name: track.name,
    kind: config.kind,
    codec: config.codec,
    codecs: config.codecs,
    width: isVideo ? config.width : null,
    height: isVideo ? config.height : null,
    frameRate: isVideo ? Math.round(rate * 100) / 100 : null,
    sampleRate: isVideo ? null : config.sampleRate,
    channels: isVideo ? null : config.channels,
    bitrate: meter.bitrate,
    bitrateHistory: [...meter.history],
  };
}
