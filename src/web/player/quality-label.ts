/** What a playlist says of a picture. */
interface Level {
  readonly width: number;
  readonly height: number;
  /** Pictures per second. */
  readonly frameRate: number;
  /** Bits per second. */
  readonly bitrate: number;
}

/** Pictures per second up to which nobody needs to be told. */
const USUAL_RATE_MAX = 30;

function labelOf({ width, height, frameRate }: Level, shownLines: number): string {
  // A tall picture is named by its width; a playlist without a list of variants says nothing about the picture.
  const lines = height === 0 ? shownLines : width === 0 ? height : Math.min(width, height);
  if (lines === 0) return "Sound only";
  const rate = Math.round(frameRate) > USUAL_RATE_MAX ? String(Math.round(frameRate)) : "";
  return `${lines}p${rate}`;
}

/**
 * Names qualities as viewers know them: the lines of the shorter side, the frame rate where it is above 30, and the bitrate where names would be
 * the same without. `shownLines` is what the video shows, for playlists that do not tell.
 */
export function qualityLabels(levels: readonly Level[], shownLines: number): string[] {
  const labels = levels.map((level) => labelOf(level, shownLines));
  return labels.map((label, i) => {
    const isUnique = labels.indexOf(label) === labels.lastIndexOf(label);
    const megabits = ((levels[i]?.bitrate ?? 0) / 1e6).toFixed(1);
    return isUnique ? label : `${label} · ${megabits} Mbit/s`;
  });
}
