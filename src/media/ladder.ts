/** `off`: the source alone. `default`: of the usual rungs those below the source. Else the operator's, in any order. */
export type Ladder = "off" | "default" | readonly WantedRung[];

/** A rung that the operator wants. */
export interface WantedRung {
  /** Luma samples of the shorter side: the height of a wide picture, the width of a tall one. */
  readonly height: number;
  /** Bits per second; what is usual for the height where it is left out. */
  readonly bitrate: number | undefined;
}

/** Completes "must be …". */
export const LADDER_ALLOWED =
  "off, default, or up to 8 heights with or without bitrates, such as 720:2500k,480,360:700k";

/** Rungs an operator may ask for. */
const RUNGS_MAX = 8;
/** Longest text of a ladder, characters: eight rungs with room to spare. */
export const LADDER_CHARACTERS_MAX = 200;
/** Smallest and largest height, lines. */
const HEIGHTS = { min: 100, max: 4320 } as const;
/** Smallest and largest bitrate, kbit/s. */
const KILOBITS = { min: 50, max: 100_000 } as const;

/** Reads a ladder as operators write it: `off`, `default` or `720:2500k,480,360`; `undefined` for anything else. */
export function parseLadder(text: string): Ladder | undefined {
  if (text === "off" || text === "default") return text;
  if (text.length > LADDER_CHARACTERS_MAX) return undefined;
  const words = text.split(",").map((word) => word.trim());
  if (words.length > RUNGS_MAX) return undefined;
  const rungs: WantedRung[] = [];
  for (const word of words) {
    const [, height, kilobits] = /^(\d{1,4})p?(?::(\d{1,6})k)?$/.exec(word) ?? [];
    if (height === undefined || !isWithin(Number(height), HEIGHTS)) return undefined;
    if (kilobits !== undefined && !isWithin(Number(kilobits), KILOBITS)) return undefined;
    rungs.push({ height: Number(height), bitrate: kilobits === undefined ? undefined : Number(kilobits) * 1000 });
  }
  return rungs;
}

function isWithin(value: number, { min, max }: { readonly min: number; readonly max: number }): boolean {
  return value >= min && value <= max;
}
