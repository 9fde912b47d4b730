import type { PublishProtocol } from "#media/publish.ts";

/** What the dashboard shows of one publishing connection. */
export interface PublishStatistics {
  /** Number of the connection, unique in this process. */
  readonly id: number;
  readonly stream: string;
  readonly protocol: PublishProtocol;
  readonly address: string;
  /** What the encoder calls itself. */
  readonly encoder: string | undefined;
  /** Wall time of the publication's start, in milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  readonly receivedBytes: number;
  /** Bits per second over the last five seconds. */
  readonly bitrate: number;
  readonly videoFrames: number;
  readonly audioFrames: number;
  /** Frames left out: see `DropReason`. */
  readonly droppedFrames: number;
}

const SAMPLES = 6;
const SAMPLE_EVERY_MS = 1000;

/** Bytes over the last five seconds: one sample a second. */
export class BitrateMeter {
  readonly #bytes = new Float64Array(SAMPLES);
  readonly #timesMs = new Float64Array(SAMPLES);
  #count = 0;

  /** Notes how many bytes there were in all; more than one call a second costs nothing. */
  sample(bytes: number, nowMs: number): void {
    const last = (this.#count - 1) % SAMPLES;
    if (this.#count > 0 && nowMs - (this.#timesMs[last] ?? 0) < SAMPLE_EVERY_MS) return;
    const at = this.#count % SAMPLES;
    this.#bytes[at] = bytes;
    this.#timesMs[at] = nowMs;
    this.#count++;
  }

  /** Bits per second between the oldest sample and now. */
  bitrate(bytes: number, nowMs: number): number {
    if (this.#count === 0) return 0;
    const oldest = this.#count < SAMPLES ? 0 : this.#count % SAMPLES;
    const elapsedMs = nowMs - (this.#timesMs[oldest] ?? nowMs);
    return elapsedMs <= 0 ? 0 : Math.round(((bytes - (this.#bytes[oldest] ?? bytes)) * 8000) / elapsedMs);
  }
}
