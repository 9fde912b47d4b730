import type { AudioConfig } from "#media/track.ts";
import { configInvalid, unsupported } from "./codec-error.ts";

const MPEG1_RATES: readonly number[] = [44100, 48000, 32000];

/**
 * Makes a track's configuration of one MPEG audio layer III frame (ISO/IEC 11172-3 §2.4.2.3, ISO/IEC 13818-3). The `record` is empty.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED` for layers I and II.
 */
export function parseMp3Frame(frame: Uint8Array): AudioConfig {
  const [sync, second, third, fourth] = frame;
  if (sync === undefined || second === undefined || third === undefined || fourth === undefined) {
    throw configInvalid(`MP3 frame: ${frame.byteLength} bytes, the header alone has 4`);
  }
  if (sync !== 0xff || (second & 0xe0) !== 0xe0) throw configInvalid("MP3 frame: the sync word is missing");
  const version = (second >> 3) & 3;
  const layer = (second >> 1) & 3;
  const bitrateIndex = third >> 4;
  const base = MPEG1_RATES[(third >> 2) & 3];
  if (version === 1 || layer === 0 || base === undefined || bitrateIndex === 15) {
    throw configInvalid("MP3 frame: the header has a reserved value");
  }
  if (layer !== 1) throw unsupported("MPEG audio of layer I or II", "set the encoder to AAC");
  const sampleRate = version === 3 ? base : version === 2 ? base / 2 : base / 4;
  return {
    kind: "audio",
    codec: "mp3",
    record: new Uint8Array(0),
    sampleRate,
    channels: fourth >> 6 === 3 ? 1 : 2,
    samplesPerFrame: version === 3 ? 1152 : 576,
    codecs: version === 3 ? "mp4a.6B" : "mp4a.69",
  };
}
