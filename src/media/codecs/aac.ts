import { BitReader } from "#bytes/bits.ts";
import type { AudioConfig } from "#media/track.ts";
import { configInvalid, parsing, unsupported } from "./codec-error.ts";

/** Sampling rates by index (ISO/IEC 14496-3 Table 1.18). */
export const AAC_SAMPLE_RATES: readonly number[] = [
  96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
];
/** Channels by `channelConfiguration` (ISO/IEC 14496-3 Table 1.19); 0 where it is reserved or told elsewhere. */
const CHANNELS_BY_CONFIGURATION: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 0, 8, 0];
const AAC_LC = 2;
const SBR = 5;
const PS = 29;
const ESCAPE_RATE_INDEX = 15;
const SYNC_SBR = 0x2b7;
const SYNC_PS = 0x548;

/** What an AudioSpecificConfig says, beside {@link AudioConfig}. */
export interface AacConfig {
  /** Rate of the core coder in Hz, before SBR. */
  readonly coreSampleRate: number;
  /** 0: the channels are told by a program config element. */
  readonly channelConfiguration: number;
  readonly channels: number;
  /** Samples of the core coder in each access unit: 1024 or 960. */
  readonly coreSamples: number;
  /** Output rate in Hz where SBR is signalled explicitly. */
  readonly sbrSampleRate: number | undefined;
  readonly parametricStereo: boolean;
}

/**
 * Parses an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1): AAC-LC with hierarchical or backward compatible signalling of SBR and PS.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`.
 */
export function readAudioSpecificConfig(asc: Uint8Array): AacConfig {
  return parsing("AudioSpecificConfig", () => readConfig(new BitReader(asc)));
}

function readConfig(bits: BitReader): AacConfig {
  let objectType = readObjectType(bits);
  const coreSampleRate = readSampleRate(bits);
  const channelConfiguration = bits.u(4);
  let sbrSampleRate: number | undefined;
  let parametricStereo = false;
  if (objectType === SBR || objectType === PS) {
    parametricStereo = objectType === PS;
    sbrSampleRate = readSampleRate(bits);
    objectType = readObjectType(bits);
  }
  if (objectType !== AAC_LC) {
    throw unsupported(
      `AAC object type ${objectType}; only AAC-LC, HE-AAC and HE-AAC v2 play everywhere`,
      "set the encoder to AAC-LC",
    );
  }
  const coreSamples = bits.flag() ? 960 : 1024;
  if (bits.flag()) bits.skip(14);
  bits.skip(1);
  let channels = CHANNELS_BY_CONFIGURATION[channelConfiguration] ?? 0;
  if (channelConfiguration === 0) channels = readProgramConfigChannels(bits);
  if (channels === 0)
    throw configInvalid(`AudioSpecificConfig: channel configuration ${channelConfiguration} is reserved`);
  if (sbrSampleRate === undefined) {
    const extension = readSyncExtension(bits);
    sbrSampleRate = extension.sbrSampleRate;
    parametricStereo = extension.parametricStereo;
  }
  if (sbrSampleRate !== undefined && sbrSampleRate !== coreSampleRate && sbrSampleRate !== coreSampleRate * 2) {
    throw configInvalid(`AudioSpecificConfig: SBR rate ${sbrSampleRate} Hz over a core of ${coreSampleRate} Hz`);
  }
  return { coreSampleRate, channelConfiguration, channels, coreSamples, sbrSampleRate, parametricStereo };
}

function readObjectType(bits: BitReader): number {
  const type = bits.u(5);
  return type === 31 ? 32 + bits.u(6) : type;
}

function readSampleRate(bits: BitReader): number {
  const index = bits.u(4);
  const rate = index === ESCAPE_RATE_INDEX ? bits.u(24) : AAC_SAMPLE_RATES[index];
  if (rate === undefined) throw configInvalid(`AudioSpecificConfig: sampling frequency index ${index} is reserved`);
  if (rate < 7350 || rate > 96000) throw configInvalid(`AudioSpecificConfig: a sampling rate of ${rate} Hz`);
  return rate;
}

/** Channels of a `program_config_element` (ISO/IEC 14496-3 §4.4.1.1). */
function readProgramConfigChannels(bits: BitReader): number {
  bits.skip(4 + 2 + 4);
  const front = bits.u(4);
  const side = bits.u(4);
  const back = bits.u(4);
  const lfe = bits.u(2);
  bits.skip(3 + 4);
  if (bits.flag()) bits.skip(4);
  if (bits.flag()) bits.skip(4);
  if (bits.flag()) bits.skip(3);
  let channels = lfe;
  for (let i = 0; i < front + side + back; i++) {
    channels += bits.flag() ? 2 : 1;
    bits.skip(4);
  }
  if (channels < 1 || channels > 8) throw unsupported(`AAC with ${channels} channels`, "set the encoder to stereo");
  return channels;
}

/** Backward compatible explicit signalling behind the core's configuration (ISO/IEC 14496-3 §1.6.5). Absent in most streams. */
function readSyncExtension(bits: BitReader): { sbrSampleRate: number | undefined; parametricStereo: boolean } {
  const none = { sbrSampleRate: undefined, parametricStereo: false };
  if (bits.remaining < 16 || bits.u(11) !== SYNC_SBR) return none;
  if (readObjectType(bits) !== SBR || bits.remaining < 1 || !bits.flag() || bits.remaining < 4) return none;
  const sbrSampleRate = readSampleRate(bits);
  const parametricStereo = bits.remaining >= 12 && bits.u(11) === SYNC_PS && bits.flag();
  return { sbrSampleRate, parametricStereo };
}

/**
 * Parses an AudioSpecificConfig into a track's configuration. Rate and samples per frame are those of the output: doubled by SBR; parametric
 * stereo makes two channels of one. HE-AAC that is signalled only inside the frames is seen as its AAC-LC core, which every player
 * upgrades by itself.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`.
 */
export function parseAacConfig(asc: Uint8Array): AudioConfig {
  const config = readAudioSpecificConfig(asc);
  const sampleRate = config.sbrSampleRate ?? config.coreSampleRate;
  const stereo = config.parametricStereo && config.channels === 1;
  return {
    kind: "audio",
    codec: "aac",
    record: asc.slice(),
    sampleRate,
    channels: stereo ? 2 : config.channels,
    samplesPerFrame: (config.coreSamples * sampleRate) / config.coreSampleRate,
    codecs: `mp4a.40.${config.sbrSampleRate === undefined ? AAC_LC : config.parametricStereo ? PS : SBR}`,
  };
}

/** Writes the two-byte AudioSpecificConfig of AAC-LC. `channelConfiguration` 1 to 7; the rate must be one of {@link AAC_SAMPLE_RATES}. */
export function buildAacLcConfig(sampleRate: number, channelConfiguration: number): Uint8Array {
  const index = AAC_SAMPLE_RATES.indexOf(sampleRate);
  if (index < 0) throw configInvalid(`AAC has no sampling rate of ${sampleRate} Hz`);
  const value = (AAC_LC << 11) | (index << 7) | (channelConfiguration << 3);
  return Uint8Array.of(value >> 8, value & 0xff);
}
