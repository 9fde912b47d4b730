import type { AVPixelFormat } from "node-av/constants";
import type { Frame } from "node-av/lib";
import { encodedSampleOf } from "#codecs/encoded-sample.ts";
import type { EncoderFallback, VideoEncoderSettings } from "#codecs/encoding.ts";
import { openVideoEncoder } from "#codecs/open-encoder.ts";
import type { VideoEncoder } from "#codecs/video-encoder.ts";
import { assert } from "#faults/fault.ts";
import { av1ConfigOf } from "#media/codecs/av1.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { parseHevcConfig } from "#media/codecs/hevc.ts";
import { sameBytes } from "#media/codecs/nal.ts";
import type { VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import { neutralPicture } from "./neutral-picture.ts";
import type { Encoding, Rung } from "./rung.ts";

const USUAL_RATE: Rational = { num: 30, den: 1 };

/** What {@link RungEncoder} is told; it never changes for a rung. */
export interface RungEncoderSettings {
  readonly rung: Rung;
  readonly encoding: Encoding;
  /** The source's; its pixel aspect and colours are the rung's. */
  readonly source: VideoConfig;
  /** Pictures per second of the source. */
  readonly frameRate: Rational | undefined;
}

/** Encodes the pictures of a rung: of one segment in identical coding, of all that come in locked coding. */
export class RungEncoder {
  /** The rung's codec parameters. */
  readonly config: VideoConfig;
  /** What was wanted and is not there. */
  readonly fallback: EncoderFallback | undefined;
  readonly #encoder: VideoEncoder;

  private constructor(settings: RungEncoderSettings, known: VideoConfig | undefined) {
    const { encoder, fallback } = openVideoEncoder(encoderSettingsOf(settings), settings.encoding.hardware);
    this.#encoder = encoder;
    this.fallback = fallback;
    this.config =
      known !== undefined && encoder.parameterSets === undefined
        ? known
        : rungConfigOf(settings, encoder.parameterSets);
  }

  /**
   * Opens an encoder. `config` is the rung's, of an encoder before it.
   * @throws Fault `CODEC_UNSUPPORTED` when the library refuses the rung.
   */
  static open(settings: RungEncoderSettings, config?: VideoConfig): RungEncoder {
    const encoder = new RungEncoder(settings, config);
    if (config !== undefined)
      assert(sameBytes(encoder.config.record, config.record), "a rung's parameter sets are the same in every segment");
    return encoder;
  }

  /** What pictures must be given as. */
  get pixelFormat(): AVPixelFormat {
    return this.#encoder.pixelFormat;
  }

  /**
   * Encodes the next picture, which is read only until the promise resolves. Gives a sample: an IDR if the picture is the first of its
   * segment, else one that refers to the picture before.
   */
  async encode(picture: Frame, isFirst: boolean): Promise<Uint8Array> {
    return encodedSampleOf(this.config.codec, await this.#encoder.encode(picture, isFirst));
  }

  /** Gives its memory back. */
  close(): void {
    this.#encoder.close();
  }
}

function encoderSettingsOf({ rung, encoding, source, frameRate }: RungEncoderSettings): VideoEncoderSettings {
  const { num, den } = frameRate ?? USUAL_RATE;
  const { codec = "avc", width, height, bitrate } = rung;
  const { pixelAspect, colour } = source;
  const rungRate = { num, den: den * rung.frameRateDivisor };
  return { codec, width, height, pixelAspect, colour, frameRate: rungRate, bitrate, profile: encoding.profile };
}

/** The rung's codec parameters out of the encoder's, or out of the packet of some picture. */
function rungConfigOf(settings: RungEncoderSettings, parameterSets: Uint8Array | undefined): VideoConfig {
  const { codec = "avc", width, height } = settings.rung;
  if (codec === "av1") {
    const units = parameterSets ?? firstPacketOf(settings, width, height);
    // The bitstream has no word for it.
    return { ...av1ConfigOf(units), pixelAspect: settings.source.pixelAspect };
  }
  assert(parameterSets !== undefined, "an encoder tells its parameter sets");
  return codec === "hevc" ? parseHevcConfig(parameterSets) : parseAvcConfig(parameterSets);
}

function firstPacketOf(settings: RungEncoderSettings, width: number, height: number): Uint8Array {
  const { encoder } = openVideoEncoder(encoderSettingsOf(settings), "none");
  const picture = neutralPicture(width, height);
  try {
    return encoder.firstPacket(picture);
  } finally {
    picture.free();
    encoder.close();
  }
}
