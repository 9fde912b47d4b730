import { BitReader } from "#bytes/bits.ts";
import type { AudioConfig } from "#media/track.ts";
import { configInvalid, parsing } from "./codec-error.ts";

const SYNC_WORD = 0x0b77;
const SAMPLE_RATES: readonly number[] = [48000, 44100, 32000];
/** Full-range channels by `acmod` (ETSI TS 102 366 Table 4.3). */
const CHANNELS_BY_ACMOD: readonly number[] = [2, 1, 2, 3, 3, 4, 4, 5];
const BLOCK_SAMPLES = 256;
/** Substreams an access unit of E-AC-3 may have: 8 independent ones with 8 dependent ones each. */
const SUBSTREAMS_MAX = 72;

/** Makes a track's configuration, with `dac3` contents, of one AC-3 sync frame (ETSI TS 102 366 §4.3, §F.4). @throws ProtocolError `CODEC_CONFIG_INVALID`. */
export function parseAc3Frame(frame: Uint8Array): AudioConfig {
  return parsing("AC-3 frame", () => {
    const bits = new BitReader(frame);
    if (bits.u(16) !== SYNC_WORD) throw configInvalid("AC-3 frame: the sync word is missing");
    bits.skip(16);
    const fscod = bits.u(2);
    const frmsizecod = bits.u(6);
    const bsid = bits.u(5);
    const bsmod = bits.u(3);
    const acmod = bits.u(3);
    const sampleRate = SAMPLE_RATES[fscod];
    if (sampleRate === undefined) throw configInvalid("AC-3 frame: the sampling rate is reserved");
    if (frmsizecod > 37) throw configInvalid("AC-3 frame: the frame size is reserved");
    if (bsid > 8) throw configInvalid(`AC-3 frame: bit stream identification ${bsid}, at most 8 is AC-3`);
    if ((acmod & 1) !== 0 && acmod !== 1) bits.skip(2);
    if ((acmod & 4) !== 0) bits.skip(2);
    if (acmod === 2) bits.skip(2);
    const lfe = bits.u(1);
    const value = (fscod << 22) | (bsid << 17) | (bsmod << 14) | (acmod << 11) | (lfe << 10) | ((frmsizecod >> 1) << 5);
    return {
      kind: "audio",
      codec: "ac3",
      record: Uint8Array.of((value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff),
      sampleRate,
      channels: (CHANNELS_BY_ACMOD[acmod] ?? 2) + lfe,
      samplesPerFrame: 6 * BLOCK_SAMPLES,
      codecs: "ac-3",
    };
  });
}

interface Eac3Substream {
  readonly type: number;
  readonly sizeBytes: number;
  readonly fscod: number;
  readonly sampleRate: number;
  readonly blocks: number;
  readonly bsid: number;
  readonly acmod: number;
  readonly lfe: number;
  readonly channelMap: number;
}

/** ETSI TS 102 366 §E.1.2.2, as far as the channel map. */
function readSubstream(bytes: Uint8Array): Eac3Substream {
  const bits = new BitReader(bytes);
  if (bits.u(16) !== SYNC_WORD) throw configInvalid("E-AC-3 frame: the sync word is missing");
  const type = bits.u(2);
  if (type === 3) throw configInvalid("E-AC-3 frame: the substream type is reserved");
  bits.skip(3);
  const sizeBytes = (bits.u(11) + 1) * 2;
  const fscod = bits.u(2);
  const low = bits.u(2);
  const rate = SAMPLE_RATES[fscod === 3 ? low : fscod];
  if (rate === undefined) throw configInvalid("E-AC-3 frame: the sampling rate is reserved");
  const acmod = bits.u(3);
  const lfe = bits.u(1);
  const bsid = bits.u(5);
  if (bsid < 11 || bsid > 16) throw configInvalid(`E-AC-3 frame: bit stream identification ${bsid} is not E-AC-3`);
  let channelMap = 0;
  for (let programme = 0; programme < (acmod === 0 ? 2 : 1); programme++) {
    bits.skip(5);
    if (bits.flag()) bits.skip(8);
  }
  if (type === 1 && bits.flag()) channelMap = bits.u(16);
  const blocks = fscod === 3 ? 6 : ([1, 2, 3, 6][low] ?? 6);
  return { type, sizeBytes, fscod, sampleRate: fscod === 3 ? rate / 2 : rate, blocks, bsid, acmod, lfe, channelMap };
}

/** Locations of `chan_loc` from a dependent substream's channel map, whose bit 0 is the most significant (ETSI TS 102 366 §E.1.3.1.8, §F.6.2.13). */
function channelLocations(map: number): number {
  const has = (bit: number): number => (map >> (15 - bit)) & 1;
  const low = has(5) | (has(6) << 1) | (has(7) << 2) | (has(8) << 3) | (has(9) << 4);
  return low | (has(10) << 5) | (has(11) << 6) | (has(12) << 7) | (has(14) << 8);
}

/** Channels at the pairs and single places of {@link channelLocations}. */
function channelsAt(locations: number): number {
  const counts = [2, 2, 1, 1, 2, 2, 2, 1, 1];
  return counts.reduce((sum, count, bit) => sum + (((locations >> bit) & 1) === 1 ? count : 0), 0);
}

/**
 * Makes a track's configuration, with `dec3` contents, of one access unit of E-AC-3: its first independent substream and the dependent ones
 * that follow (ETSI TS 102 366 §F.6). @throws ProtocolError `CODEC_CONFIG_INVALID`.
 */
export function parseEac3Frame(accessUnit: Uint8Array): AudioConfig {
  return parsing("E-AC-3 frame", () => {
    const first = readSubstream(accessUnit);
    if (first.type === 1) throw configInvalid("E-AC-3 frame: the first substream is a dependent one");
    let dependent = 0;
    let locations = 0;
    let sizeBytes = first.sizeBytes;
    for (let n = 0; n < SUBSTREAMS_MAX && sizeBytes + 8 <= accessUnit.byteLength; n++) {
      const next = readSubstream(accessUnit.subarray(sizeBytes));
      if (next.type !== 1 || dependent === 8) break;
      dependent++;
      locations |= channelLocations(next.channelMap);
      sizeBytes += next.sizeBytes;
    }
    const samplesPerFrame = first.blocks * BLOCK_SAMPLES;
    const rateKbps = Math.min(0x1fff, Math.round((sizeBytes * 8 * first.sampleRate) / samplesPerFrame / 1000));
    const record: number[] = [(rateKbps >> 5) & 0xff, (rateKbps & 0x1f) << 3];
    record.push((first.fscod << 6) | (first.bsid << 1), (first.acmod << 1) | first.lfe);
    record.push((dependent << 1) | (dependent > 0 ? (locations >> 8) & 1 : 0));
    if (dependent > 0) record.push(locations & 0xff);
    return {
      kind: "audio",
      codec: "eac3",
      record: Uint8Array.from(record),
      sampleRate: first.sampleRate,
      channels: (CHANNELS_BY_ACMOD[first.acmod] ?? 2) + first.lfe + channelsAt(locations),
      samplesPerFrame,
      codecs: "ec-3",
    };
  });
}
