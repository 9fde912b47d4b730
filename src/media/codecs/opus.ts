import { ByteReader } from "#bytes/reader.ts";
import { ByteWriter } from "#bytes/writer.ts";
import type { AudioConfig } from "#media/track.ts";
import { configInvalid, parsing } from "./codec-error.ts";

/** Opus always decodes to this rate, in Hz. */
export const OPUS_SAMPLE_RATE = 48_000;
const MAGIC = "OpusHead";
/** RFC 6716 §3.2.5: a packet lasts at most 120 ms. */
const PACKET_SAMPLES_MAX = 5760;

/**
 * Parses an identification header (RFC 7845 §5.1, with or without its magic) into `dOps` contents (Opus in ISOBMFF §4.3.2).
 * `samplesPerFrame` is told by the packets alone: give the first one, or get 0 and ask {@link opusPacketSamples} later.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`.
 */
export function parseOpusConfig(opusHead: Uint8Array, firstPacket?: Uint8Array): AudioConfig {
  return parsing("OpusHead", () => {
    const reader = new ByteReader(opusHead);
    if (opusHead[0] === 0x4f && reader.text(MAGIC.length) !== MAGIC)
      throw configInvalid("OpusHead: the magic is wrong");
    const version = reader.u8();
    if (version > 15) throw configInvalid(`OpusHead: version ${version}, at most 15 is known`);
    const channels = reader.u8();
    const preSkip = swap16(reader.u16());
    const inputSampleRate = reader.u32le();
    const outputGain = swap16(reader.u16());
    const family = reader.u8();
    const record = new ByteWriter(32);
    record.u8(0).u8(channels).u16(preSkip).u32(inputSampleRate).u16(outputGain).u8(family);
    if (family === 0) {
      if (channels < 1 || channels > 2) throw configInvalid(`OpusHead: ${channels} channels without a channel mapping`);
    } else {
      record.bytes(readMapping(reader, channels));
    }
    return {
      kind: "audio",
      codec: "opus",
      record: record.finish().slice(),
      sampleRate: OPUS_SAMPLE_RATE,
      channels,
      samplesPerFrame: firstPacket === undefined ? 0 : (opusPacketSamples(firstPacket) ?? 0),
      codecs: "opus",
    };
  });
}

function readMapping(reader: ByteReader, channels: number): Uint8Array {
  const table = reader.bytes(2 + channels);
  const streams = table[0] ?? 0;
  const coupled = table[1] ?? 0;
  if (channels < 1 || channels > 8) throw configInvalid(`OpusHead: ${channels} channels, 1 to 8 are allowed`);
  if (streams < 1 || coupled > streams || streams + coupled > 255)
    throw configInvalid("OpusHead: the channel mapping is impossible");
  for (let i = 0; i < channels; i++) {
    const source = table[2 + i] ?? 0;
    if (source !== 255 && source >= streams + coupled)
      throw configInvalid("OpusHead: a channel of a stream that is not there");
  }
  return table;
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8);
}

/** Gives the samples at 48 kHz in a packet (RFC 6716 §3.1, §3.2), or `undefined` when the packet is not valid. Never throws. */
export function opusPacketSamples(packet: Uint8Array): number | undefined {
  const toc = packet[0];
  if (toc === undefined) return undefined;
  const config = toc >> 3;
  let frameSamples: number;
  if (config < 12) frameSamples = [480, 960, 1920, 2880][config & 3] ?? 960;
  else if (config < 16) frameSamples = (config & 1) === 0 ? 480 : 960;
  else frameSamples = 120 << (config & 3);
  const code = toc & 3;
  let frames = code === 0 ? 1 : 2;
  if (code === 3) {
    const count = packet[1];
    if (count === undefined || (count & 0x3f) === 0) return undefined;
    frames = count & 0x3f;
  }
  const samples = frames * frameSamples;
  return samples > PACKET_SAMPLES_MAX ? undefined : samples;
}
