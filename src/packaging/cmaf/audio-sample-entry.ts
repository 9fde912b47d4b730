import { unreachable } from "#faults/fault.ts";
import type { AudioConfig } from "#media/track.ts";
import { box, concatBytes, fields, fullBox } from "./box.ts";

/** MPEG-4 descriptor tags, ISO/IEC 14496-1 §7.2.2.1. */
const ES_DESCRIPTOR_TAG = 3;
const DECODER_CONFIG_TAG = 4;
const DECODER_SPECIFIC_INFO_TAG = 5;
const SYNC_LAYER_CONFIG_TAG = 6;

/** Object type indications, ISO/IEC 14496-1 §7.2.6.6. */
const OBJECT_TYPE_AAC = 0x40;
const OBJECT_TYPE_MP3 = 0x6b;

/** A descriptor with its length in 7-bit groups, as few as needed. ISO/IEC 14496-1 §8.3.3. */
function descriptor(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(contents);
  const groups = [content.byteLength & 0x7f];
  for (let rest = content.byteLength >> 7; rest > 0; rest >>= 7) groups.unshift((rest & 0x7f) | 0x80);
  return concatBytes([Uint8Array.of(tag, ...groups), content]);
}

/** Elementary stream descriptor of AAC (with its AudioSpecificConfig) or MP3 (without). ISO/IEC 14496-14 §6.7.2. */
export function esds(objectType: number, specificInfo: Uint8Array): Uint8Array {
  const audioStream = (5 << 2) | 1;
  const decoderConfig = descriptor(
    DECODER_CONFIG_TAG,
    fields([8, objectType], [8, audioStream], [8, 0], [16, 0], [32, 0], [32, 0]),
    ...(specificInfo.byteLength > 0 ? [descriptor(DECODER_SPECIFIC_INFO_TAG, specificInfo)] : []),
  );
  const syncLayer = descriptor(SYNC_LAYER_CONFIG_TAG, Uint8Array.of(2));
  return fullBox("esds", 0, 0, descriptor(ES_DESCRIPTOR_TAG, fields([16, 0], [8, 0]), decoderConfig, syncLayer));
}

/** FLAC's metadata blocks in a full box; version and flags are put before a record that lacks them (a block of length 0 cannot come first). */
export function dfLa(record: Uint8Array): Uint8Array {
  const complete = record[0] === 0 && record[1] === 0 && record[2] === 0 && record[3] === 0;
  return complete ? box("dfLa", record) : fullBox("dfLa", 0, 0, record);
}

const ENTRY_NAMES = { aac: "mp4a", mp3: "mp4a", opus: "Opus", ac3: "ac-3", eac3: "ec-3", flac: "fLaC" } as const;

function configurationBox(config: AudioConfig): Uint8Array {
  switch (config.codec) {
    case "aac":
      return esds(OBJECT_TYPE_AAC, config.record);
    case "mp3":
      return esds(OBJECT_TYPE_MP3, new Uint8Array(0));
    case "opus":
      return box("dOps", config.record);
    case "ac3":
      return box("dac3", config.record);
    case "eac3":
      return box("dec3", config.record);
    case "flac":
      return dfLa(config.record);
    default:
      return unreachable(config.codec);
  }
}

/**
 * The sample entry of an audio track: `mp4a`, `Opus`, `ac-3`, `ec-3` or `fLaC`. ISO/IEC 14496-12 §12.2.3.
 * Rates of 65,536 Hz and above do not fit the field and are written as 0; decoders take them from the configuration.
 */
export function audioSampleEntry(config: AudioConfig): Uint8Array {
  const rate = config.sampleRate < 65_536 ? config.sampleRate * 65_536 : 0;
  return box(
    ENTRY_NAMES[config.codec],
    fields([32, 0], [16, 0], [16, 1]),
    new Uint8Array(8),
    fields([16, config.channels], [16, 16], [32, 0], [32, rate]),
    configurationBox(config),
  );
}
