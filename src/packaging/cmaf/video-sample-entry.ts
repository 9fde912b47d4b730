import type { ColourInfo, VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import { box, fields, fourCC, fullBox } from "./box.ts";

/** Video sample entry and configuration box of each codec. Parameter sets stand in the sample entry (`avc1`, `hvc1`). */
const SAMPLE_ENTRIES = {
  avc: { entry: "avc1", config: "avcC" },
  hevc: { entry: "hvc1", config: "hvcC" },
  av1: { entry: "av01", config: "av1C" },
  vp9: { entry: "vp09", config: "vpcC" },
} as const;

/** Picture element shape. ISO/IEC 14496-12 §12.1.4. */
export function pasp(aspect: Rational): Uint8Array {
  return box("pasp", fields([32, aspect.num], [32, aspect.den]));
}

/** Colour description as code points (`nclx`). ISO/IEC 14496-12 §12.1.5. */
export function colr(colour: ColourInfo): Uint8Array {
  return box(
    "colr",
    fourCC("nclx"),
    fields([16, colour.primaries], [16, colour.transfer], [16, colour.matrix], [8, colour.fullRange ? 0x80 : 0]),
  );
}

/** Decoder configuration of VP9: a full box, so the record carries version and flags; they are put before a record that lacks them. */
function vpcC(record: Uint8Array): Uint8Array {
  const complete = record[0] === 1 && record[1] === 0 && record[2] === 0 && record[3] === 0;
  return complete ? box("vpcC", record) : fullBox("vpcC", 1, 0, record);
}

/** The sample entry of a video track: `avc1`, `hvc1`, `av01` or `vp09`. ISO/IEC 14496-12 §12.1.3, 14496-15 §5.4.2. */
export function videoSampleEntry(config: VideoConfig): Uint8Array {
  const names = SAMPLE_ENTRIES[config.codec];
  const boxes = [config.codec === "vp9" ? vpcC(config.record) : box(names.config, config.record)];
  if (config.colour !== undefined) boxes.push(colr(config.colour));
  if (config.pixelAspect.num !== config.pixelAspect.den) boxes.push(pasp(config.pixelAspect));
  return box(
    names.entry,
    fields([32, 0], [16, 0], [16, 1]),
    new Uint8Array(16),
    fields([16, config.width], [16, config.height], [32, 72 * 65536], [32, 72 * 65536], [32, 0], [16, 1]),
    new Uint8Array(32),
    fields([16, 24], [16, 0xffff]),
    ...boxes,
  );
}
