import type { EncoderFallback } from "#codecs/encoding.ts";
import { FrameFlag } from "#media/frame.ts";
import type { VideoConfig } from "#media/track.ts";
import type { HeldPicture } from "./held-picture.ts";
import { RungEncoder, type RungEncoderSettings } from "./rung-encoder.ts";
import type { RungPictures } from "./rung-scaler.ts";
import type { SegmentTiming } from "./segment-timing.ts";
import { TaskQueue } from "./task-queue.ts";
import type { WorkerReport } from "./worker-wire.ts";

/** Pictures that wait for a rung's encoder; at more, scaling waits. */
const PICTURES_WAITING_MAX = 3;

/** Where a rung's reports go. */
export type Tell = (report: WorkerReport) => void;

interface EncodedFrame {
  readonly timing: SegmentTiming;
  readonly index: number;
  readonly pts: number;
  readonly payload: Uint8Array;
}

/** One rung: encodes what it is given, one picture after the other, beside the other rungs, and tells what comes out. */
export class RungLine {
  readonly divisor: number;
  readonly config: VideoConfig;
  /** What its pictures must be. */
  readonly pictures: RungPictures;
  /** The encoder that was wanted and is not there. */
  readonly fallback: EncoderFallback | undefined;
  readonly #number: number;
  readonly #settings: RungEncoderSettings;
  readonly #tell: Tell;
  readonly #queue = new TaskQueue();
  readonly #untold: EncodedFrame[] = [];
  #encoder: RungEncoder | undefined;

  /** @throws Fault `CODEC_UNSUPPORTED` when the encoder refuses the rung. */
  constructor(number: number, settings: RungEncoderSettings, tell: Tell) {
    this.#number = number;
    this.#settings = settings;
    this.#tell = tell;
    this.divisor = settings.rung.frameRateDivisor;
    this.#encoder = RungEncoder.open(settings);
    this.config = this.#encoder.config;
    this.fallback = this.#encoder.fallback;
    const { rung, source } = settings;
    const { pixelFormat } = this.#encoder;
    const { width, height } = rung;
    const { pixelAspect, colour } = source;
    this.pictures = { width, height, pixelFormat, pixelAspect, isFullRange: colour?.fullRange === true };
  }

  /** Encodes frame `index` of the segment, which is shown at `pts` (90 kHz); `picture` is in the rung's form, and held by the line from now on. */
  encode(timing: SegmentTiming, index: number, pts: number, picture: HeldPicture): void {
    this.#queue.push(async () => {
      this.#encoder ??= RungEncoder.open(this.#settings, this.config);
      const payload = await this.#encoder.encode(picture.frame, index === 0);
      picture.release();
      this.#untold.push({ timing, index, pts, payload });
      this.release();
    });
  }

  /** The segment has all its pictures: tells it when they are encoded, and makes ready for the next. */
  end(timing: SegmentTiming): void {
    this.#queue.push(() => {
      this.release();
      const frameCount = timing.rungFrameCount(this.divisor);
      this.#tell({ kind: "sealed", rung: this.#number, segment: timing.segment, frameCount });
      this.#renew();
      return Promise.resolve();
    });
  }

  /** Gives up what is not yet told of the segment. */
  abandon(): void {
    this.#queue.push(() => {
      this.#untold.length = 0;
      this.#renew();
      return Promise.resolve();
    });
  }

  /** Tells the encoded frames whose duration is known by now. */
  release(): void {
    for (;;) {
      const next = this.#untold[0];
      const times = next?.timing.rungTimes(next.index, this.divisor);
      if (next === undefined || times === undefined) return;
      this.#untold.shift();
      const { timing, index, pts, payload } = next;
      const flags = index === 0 ? FrameFlag.KEY : 0;
      const name = { segment: timing.segment, index, ptsOffset: pts - times.dts, flags, payload };
      this.#tell({ kind: "frame", rung: this.#number, frame: { ...name, ...times } });
    }
  }

  /** Resolves when there is room for another picture. @throws what the codec library threw. */
  async room(): Promise<void> {
    await this.#queue.below(PICTURES_WAITING_MAX);
  }

  /** Resolves when everything is encoded and told. @throws what the codec library threw. */
  async idle(): Promise<void> {
    await this.#queue.below(1);
  }

  /** In identical coding the next segment has an encoder of its own; in AV1 always, where a picture needs to know what the coder learned before. */
  #renew(): void {
    if (this.#settings.encoding.coding === "locked" && this.config.codec !== "av1") return;
    this.#encoder?.close();
    this.#encoder = undefined;
  }
}
