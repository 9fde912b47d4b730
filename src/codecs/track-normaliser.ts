import { Fault, ProtocolError } from "#faults/fault.ts";
import { buildAacLcConfig, parseAacConfig } from "#media/codecs/aac.ts";
import { parseAc3Frame, parseEac3Frame } from "#media/codecs/ac3.ts";
import { parseAdts } from "#media/codecs/adts.ts";
import { av1ConfigOf, parseAv1Config, withoutTransportObus } from "#media/codecs/av1.ts";
import { parseAvcConfig, readAvcRecord } from "#media/codecs/avc.ts";
import { parseFlacConfig } from "#media/codecs/flac.ts";
import { parseHevcConfig, readHevcRecord } from "#media/codecs/hevc.ts";
import { parseMp3Frame } from "#media/codecs/mp3.ts";
import {
  joinLengthPrefixed,
  type NalLengthSize,
  splitAnnexB,
  startsWithStartCode,
  toLengthPrefixed,
} from "#media/codecs/nal.ts";
import { parseOpusConfig } from "#media/codecs/opus.ts";
import type { TrackConfig } from "#media/track.ts";

/** Codecs whose library configuration says everything; of the others a sample must be seen. */
const TOLD_BY_LIBRARY: ReadonlySet<string> = new Set(["h264", "hevc", "av1", "aac", "flac"]);

/** Turns what codec libraries and containers give (Annex B, ADTS, delimiters) into configurations and samples as our frames want them. */
export class TrackNormaliser {
  readonly #codec: string;
  #library: Uint8Array = new Uint8Array(0);
  #lengthSize: NalLengthSize = 4;
  /** NAL units come as an Annex B byte stream. */
  #isAnnexB = false;
  #config: TrackConfig | undefined;

  /** `codec` is FFmpeg's name. */
  constructor(codec: string) {
    this.#codec = codec;
  }

  /** Takes the library's configuration; empty when it has none. @throws ProtocolError when the codec parameters are broken. */
  configure(library: Uint8Array): void {
    this.#library = library.slice();
    if (library.byteLength > 0 && TOLD_BY_LIBRARY.has(this.#codec)) this.#config ??= this.#configOf(library);
  }

  /** The configuration, at the latest once {@link sample} was called. */
  get config(): TrackConfig | undefined {
    return this.#config;
  }

  /** Gives the sample in our form, or `undefined` when it is of no use. @throws ProtocolError when the codec parameters are broken. */
  sample(payload: Uint8Array): Uint8Array | undefined {
    this.#config ??= this.#configOf(payload);
    switch (this.#codec) {
      case "h264":
      case "hevc":
        return this.#isAnnexB ? fromAnnexB(payload) : toLengthPrefixed(payload, this.#lengthSize);
      case "av1":
        return withoutTransportObus(payload);
      case "aac":
        return parseAdts(payload)?.payload ?? payload;
      default:
        return payload;
    }
  }

  #configOf(payload: Uint8Array): TrackConfig {
    const library = this.#library;
    switch (this.#codec) {
      case "h264": {
        const record = library.byteLength > 0 ? library : payload;
        this.#isAnnexB = startsWithStartCode(record);
        if (!this.#isAnnexB) this.#lengthSize = readAvcRecord(record).lengthSize;
        return parseAvcConfig(record);
      }
      case "hevc": {
        const record = library.byteLength > 0 ? library : payload;
        this.#isAnnexB = startsWithStartCode(record);
        if (!this.#isAnnexB) this.#lengthSize = readHevcRecord(record).lengthSize;
        return parseHevcConfig(record);
      }
      case "av1":
        if (library[0] === 0x81) return parseAv1Config(library);
        return av1ConfigOf(library.byteLength > 0 ? library : payload);
      case "aac":
        return parseAacConfig(library.byteLength > 0 ? library : ascOfAdts(payload));
      case "opus":
        return parseOpusConfig(library, payload);
      case "flac":
        return parseFlacConfig(library);
      case "ac3":
        return parseAc3Frame(payload);
      case "eac3":
        return parseEac3Frame(payload);
      case "mp3":
        return parseMp3Frame(payload);
      default:
        throw new Fault("CODEC_UNSUPPORTED", `codec ${this.#codec}`, { hint: "convert the file to H.264 and AAC" });
    }
  }
}

/** What begins without a start code is the end of a unit whose beginning was lost on the way. */
function fromAnnexB(payload: Uint8Array): Uint8Array | undefined {
  const units = splitAnnexB(payload);
  return units.length === 0 ? undefined : joinLengthPrefixed(units);
}

function ascOfAdts(payload: Uint8Array): Uint8Array {
  const adts = parseAdts(payload);
  if (adts !== undefined) return buildAacLcConfig(adts.sampleRate, adts.channelConfiguration);
  throw new ProtocolError("CODEC_CONFIG_INVALID", "AAC without configuration", { hint: "convert the file's sound" });
}
