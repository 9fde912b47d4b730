import type { AVPixelFormat } from "node-av/constants";
import type { Frame } from "node-av/lib";
import type { EncodedCodec, EncoderFallback } from "#codecs/encoding.ts";
import { openVideoEncoder } from "#codecs/open-encoder.ts";
import type { VideoEncoder } from "#codecs/video-encoder.ts";
import { assert } from "#faults/fault.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { joinLengthPrefixed, sameBytes, splitAnnexB } from "#media/codecs/nal.ts";
import type { VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import type { Encoding, Rung } from "./rung.ts";

const USUAL_RATE: Rational = { num: 30, den: 1 };
/** NAL unit types of ITU-T H.264 Table 7-1 that a sample needs: slices. Neither the encoder's signature nor delimiters. */
const SLICE_TYPE_MAX = 5;

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

  private constructor({ rung, encoding, source, frameRate }: RungEncoderSettings) {
    const { num, den } = frameRate ?? USUAL_RATE;
    const { encoder, fallback } = openVideoEncoder(
      {
        codec: "avc",
        width: rung.width,
        height: rung.height,
        pixelAspect: source.pixelAspect,
        colour: source.colour,
        frameRate: { num, den: den * rung.frameRateDivisor },
        bitrate: rung.bitrate,
        profile: encoding.profile,
      },
      encoding.hardware,
    );
    this.#encoder = encoder;
    this.fallback = fallback;
    this.config = parseAvcConfig(encoder.parameterSets);
  }

  /**
   * Opens an encoder. `config` is the rung's, of an encoder before it.
   * @throws Fault `CODEC_UNSUPPORTED` when the library refuses the rung.
   */
  static open(settings: RungEncoderSettings, config?: VideoConfig): RungEncoder {
    const encoder = new RungEncoder(settings);
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
    return sampleOf("avc", await this.#encoder.encode(picture, isFirst));
  }

  /** Gives its memory back. */
  close(): void {
    this.#encoder.close();
  }
}

/** What CMAF wants of a packet: the picture alone. */
function sampleOf(_codec: EncodedCodec, packet: Uint8Array): Uint8Array {
  return joinLengthPrefixed(splitAnnexB(packet).filter((unit) => ((unit[0] ?? 0) & 0x1f) <= SLICE_TYPE_MAX));
}
