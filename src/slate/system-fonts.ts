import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#faults/fault.ts";
import { systemClock } from "#time/system-clock.ts";
import { type Font, readFont } from "./font.ts";

/** Where Linux, macOS and Windows have their fonts. */
const FOLDERS: readonly string[] = [
  "/usr/share/fonts",
  "/usr/local/share/fonts",
  "/System/Library/Fonts",
  "/Library/Fonts",
  "C:\\Windows\\Fonts",
];
/** Largest font that is read, bytes: those of Chinese, Japanese and Korean have some 20 MB. */
const FONT_BYTES_MAX = 64_000_000;
/** Files of fonts that are looked at, at most. */
const FONTS_MAX = 400;
/** How long the search may take, milliseconds: somebody waits for the slate. */
const SEARCH_MS_MAX = 1500;

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(ttf|otf|ttc)$/i.test(name))
      .map((name) => join(folder, name));
  } catch {
    // Not of this system.
    return [];
  }
}

/** Plain upright bold ones first, then other upright ones: they look most like ours. */
function rank(path: string): number {
  const isPlain = /sans|gothic|hei/i.test(path) && !/mono|italic|oblique|condensed/i.test(path);
  return (isPlain ? 0 : 2) + (/bold/i.test(path) ? 0 : 1);
}

/** Fonts of the system, the likeliest first; broken ones are passed over. It ends when it took too long. */
export function* systemFonts(): Generator<Font> {
  const untilMs = systemClock.nowMs() + SEARCH_MS_MAX;
  const paths = FOLDERS.flatMap(filesIn).sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  for (const path of paths.slice(0, FONTS_MAX)) {
    if (systemClock.nowMs() > untilMs) return;
    try {
      if (statSync(path).size <= FONT_BYTES_MAX) yield readFont(path);
    } catch (error) {
      // One that is broken or gone is no reason to stop; a bug of ours is.
      if (!(error instanceof Fault) && !(error instanceof Error && "code" in error)) throw error;
    }
  }
}
