import { BitReader } from "#bytes/bits.ts";
import type { AudioConfig } from "#media/track.ts";
import { configInvalid, parsing } from "./codec-error.ts";

const STREAMINFO_BYTES = 34;

/**
 * Makes `dfLa` contents, version and flags included (FLAC in ISOBMFF §3.3.2), of a FLAC header: the `fLaC` marker and its metadata blocks, one
 * STREAMINFO block, or its 34 bytes alone (RFC 9639 §8.2).
 * @throws ProtocolError `CODEC_CONFIG_INVALID`.
 */
export function parseFlacConfig(header: Uint8Array): AudioConfig {
  return parsing("FLAC header", () => {
    const info = findStreamInfo(header);
    const bits = new BitReader(info);
    const blockMin = bits.u(16);
    const blockMax = bits.u(16);
    bits.skip(48);
    const sampleRate = bits.u(20);
    const channels = bits.u(3) + 1;
    if (blockMin < 16 || blockMax < blockMin)
      throw configInvalid(`FLAC header: blocks of ${blockMin} to ${blockMax} samples`);
    if (sampleRate < 1) throw configInvalid("FLAC header: the sampling rate is zero");
    const record = new Uint8Array(8 + STREAMINFO_BYTES);
    record.set([0x80, 0, 0, STREAMINFO_BYTES], 4);
    record.set(info, 8);
    return {
      kind: "audio",
      codec: "flac",
      record,
      sampleRate,
      channels,
      samplesPerFrame: blockMin === blockMax ? blockMin : 0,
      codecs: "fLaC",
    };
  });
}

function findStreamInfo(header: Uint8Array): Uint8Array {
  if (header.byteLength === STREAMINFO_BYTES) return header;
  const marked = header[0] === 0x66 && header[1] === 0x4c && header[2] === 0x61 && header[3] === 0x43;
  const block = header.subarray(marked ? 4 : 0);
  const length = ((block[1] ?? 0) << 16) | ((block[2] ?? 0) << 8) | (block[3] ?? 0);
  if (((block[0] ?? 1) & 0x7f) !== 0 || length !== STREAMINFO_BYTES || block.byteLength < 4 + STREAMINFO_BYTES) {
    throw configInvalid("FLAC header: the first metadata block is not STREAMINFO");
  }
  return block.subarray(4, 4 + STREAMINFO_BYTES);
}
