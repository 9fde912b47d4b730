import { type CodecContext, Frame, type Packet } from "node-av/lib";
import { microsOf, NO_TIME } from "#codecs/media-unit.ts";
import { Fault } from "#faults/fault.ts";
import type { SlatePicture } from "#media/slate.ts";
import { MICROS_PER_SECOND, type Rational } from "#time/ticks.ts";
import { LoopEncoder } from "./loop-encoder.ts";
import type { PictureFormat } from "./picture-format.ts";
import { PictureFitter } from "./picture-fitter.ts";
import { SLATE_BYTES_MAX } from "./slate-wire.ts";

/** How much of its end a loop may lose so that it ends together with its sound, seconds. */
const CUT_SECONDS_MAX = 1;
/** Two ends are as good as one when they differ by less, seconds. */
const CUT_SLACK_SECONDS = 0.001;

/** What {@link ClipPictures} is told. */
export interface ClipPicturesSettings {
  /** The clip's time base. */
  readonly base: Rational;
  readonly format: PictureFormat;
  readonly frameRate: Rational;
  /** Bits per second. */
  readonly bitrateMax: number;
  readonly picturesMax: number;
}

/** Decodes the pictures of a clip and encodes them at the broadcast's rate: each time of the loop shows the picture that the clip shows then. */
export class ClipPictures {
  readonly #decoder: CodecContext;
  readonly #settings: ClipPicturesSettings;
  readonly #encoder: LoopEncoder;
  readonly #fitter: PictureFitter;
  readonly #decoded = new Frame();
  readonly #made: SlatePicture[] = [];
  /** The picture shown at present, ready to be encoded; the fitter's. */
  #shown: Frame | undefined;
  #startMicros: number | undefined;
  #lastMicros = 0;
  #stepMicros: number;
  #sizeBytes = 0;

  /** Takes the decoder over. @throws Fault `CODEC_UNSUPPORTED` when the format cannot be encoded. */
  constructor(decoder: CodecContext, settings: ClipPicturesSettings) {
    this.#decoder = decoder;
    this.#settings = settings;
    const { format, frameRate, bitrateMax } = settings;
    this.#stepMicros = (MICROS_PER_SECOND * frameRate.den) / frameRate.num;
    this.#encoder = new LoopEncoder({ format, frameRate, bitrateMax });
    this.#fitter = new PictureFitter(format);
    this.#decoded.alloc();
  }

  /** What was made so far. */
  get pictures(): readonly SlatePicture[] {
    return this.#made;
  }

  /** Bytes of {@link pictures}. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The decoder configuration record. */
  get record(): Uint8Array {
    return this.#encoder.record;
  }

  /** When the clip's first picture is shown, microseconds of the clip. */
  get startMicros(): number {
    return this.#startMicros ?? 0;
  }

  /** Takes a packet, or the end. A damaged packet costs its picture, not the clip. @throws Fault `LIMIT_REACHED`. */
  async read(packet: Packet | null): Promise<void> {
    if ((await this.#decoder.sendPacket(packet)) >= 0) {
      while (this.#decoder.receiveFrameSync(this.#decoded) >= 0) {
        await this.#take(this.#decoded);
        this.#decoded.unref();
      }
    }
    if (packet === null) await this.#showUntil(this.#lastMicros + this.#stepMicros);
  }

  /** Leaves out what is behind the end of a frame of sound, so that both end together; gives how many such frames the loop has. */
  cutTo(soundSeconds: number): number {
    const { num, den } = this.#settings.frameRate;
    const secondsOf = (count: number): number => (count * den) / num;
    const missOf = (count: number): number => {
      const frames = secondsOf(count) / soundSeconds;
      return Math.abs(frames - Math.round(frames)) * soundSeconds;
    };
    const { length } = this.#made;
    const least = Math.max(1, Math.ceil(length - (CUT_SECONDS_MAX * num) / den), Math.ceil(length / 2));
    let best = length;
    for (let count = length - 1; count >= least; count--)
      if (missOf(count) + CUT_SLACK_SECONDS < missOf(best)) best = count;
    this.#made.length = best;
    return Math.max(1, Math.round(secondsOf(best) / soundSeconds));
  }

  /** Gives its memory back. */
  close(): void {
    this.#encoder.close();
    this.#fitter.close();
    this.#decoded.free();
    this.#decoder.freeContext();
  }

  async #take(picture: Frame): Promise<void> {
    const time = picture.bestEffortTimestamp;
    const atMicros = time === NO_TIME ? this.#lastMicros + this.#stepMicros : microsOf(time, this.#settings.base);
    this.#startMicros ??= atMicros;
    const sinceMicros = atMicros - this.#startMicros;
    if (sinceMicros > this.#lastMicros) this.#stepMicros = sinceMicros - this.#lastMicros;
    await this.#showUntil(sinceMicros);
    this.#lastMicros = Math.max(this.#lastMicros, sinceMicros);
    this.#shown = this.#fitter.fit(picture);
  }

  /** Encodes the picture that is shown for each time of the loop before that one. */
  async #showUntil(untilMicros: number): Promise<void> {
    const { num, den } = this.#settings.frameRate;
    if (this.#shown === undefined) return;
    // A picture that is due within half a step is the next one's.
    const count = Math.round((untilMicros * num) / den / MICROS_PER_SECOND);
    while (this.#made.length < Math.min(count, this.#settings.picturesMax)) {
      const made = await this.#encoder.encode(this.#shown);
      this.#made.push(made);
      this.#sizeBytes += made.payload.byteLength;
      if (this.#sizeBytes > SLATE_BYTES_MAX)
        throw new Fault("LIMIT_REACHED", `the clip takes more than ${SLATE_BYTES_MAX} bytes`, {
          hint: "Choose a shorter or a calmer clip.",
        });
    }
  }
}
