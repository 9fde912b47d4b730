import type { Track } from "#media/track.ts";
import { initName } from "#packaging/object-names.ts";
import type { InitSegment } from "#packaging/window.ts";
import { concatBytes } from "./box.ts";
import { contentHash } from "./content-hash.ts";
import { ftyp, moov } from "./movie.ts";

/** The CMAF header of a track (`ftyp` + `moov`), named by the hash of its bytes: equal parameters give equal names on every node. ISO/IEC 23000-19 §7.3. */
export function buildInitSegment(track: Track): InitSegment {
  const bytes = concatBytes([ftyp(), moov(track)]);
  return { name: initName(contentHash(bytes)), bytes };
}
