import { AVERROR_EOF } from "node-av/constants";
import { FFmpegError, type FormatContext, Packet } from "node-av/lib";
import type { MediaUnit, TrackReader } from "./media-unit.ts";

/** Units held back at the start until every track has shown its first time. */
const OPENING_UNITS_MAX = 256;

/** A track of an open input that is read. */
export interface ReadTrack {
  /** Place among the input's streams. */
  readonly streamIndex: number;
  readonly reader: TrackReader;
}

/** A unit with the place of its track among those that are read. */
export interface PlacedUnit {
  readonly track: number;
  readonly unit: MediaUnit;
}

/**
 * Reads an open input to its end and gives each unit to `take`, times shifted so that the earliest first one is at `offsetMicros`. Gives the time
 * at which a next pass begins; `offsetMicros` when nothing was in it. @throws FFmpegError when the input cannot be read on.
 */
export async function passOver(
  file: FormatContext,
  tracks: readonly ReadTrack[],
  offsetMicros: number,
  take: (placed: PlacedUnit) => Promise<void>,
): Promise<number> {
  const packet = new Packet();
  packet.alloc();
  const opening: PlacedUnit[] = [];
  const seen = new Set<number>();
  let shiftMicros: number | undefined;
  let endMicros = offsetMicros;
  const flush = async (): Promise<void> => {
    shiftMicros ??= offsetMicros - Math.min(...opening.map(({ unit }) => unit.dtsMicros));
    for (const { track, unit } of opening.splice(0)) {
      endMicros = Math.max(endMicros, unit.ptsMicros + shiftMicros);
      const { keyframe, payload } = unit;
      const times = { dtsMicros: unit.dtsMicros + shiftMicros, ptsMicros: unit.ptsMicros + shiftMicros };
      await take({ track, unit: { keyframe, ...times, payload } });
    }
  };
  let lastDurationMicros = 0;
  for (;;) {
    const result = await file.readFrame(packet);
    if (result === AVERROR_EOF) break;
    FFmpegError.throwIfError(result, "read the file");
    const track = tracks.findIndex((open) => open.streamIndex === packet.streamIndex);
    const open = tracks[track];
    if (open !== undefined) {
      const base = file.streams[open.streamIndex]?.timeBase;
      if (base !== undefined) lastDurationMicros = (Number(packet.duration) * base.num * 1e6) / base.den;
      for (const unit of open.reader.read(packet)) {
        opening.push({ track, unit });
        seen.add(track);
      }
    }
    packet.unref();
    if (opening.length > 0 && (seen.size === tracks.length || opening.length >= OPENING_UNITS_MAX)) await flush();
  }
  for (const [track, open] of tracks.entries()) for (const unit of open.reader.drain()) opening.push({ track, unit });
  if (opening.length > 0) await flush();
  return endMicros > offsetMicros ? endMicros + lastDurationMicros : endMicros;
}
