/** What the name of an object beside a track's playlist says. */
export type ObjectName =
  | { readonly kind: "segment"; readonly timelineId: string; readonly segment: number }
  | { readonly kind: "part"; readonly timelineId: string; readonly segment: number; readonly part: number }
  | { readonly kind: "init"; readonly hash: string };

/** File name of every media playlist. */
export const MEDIA_PLAYLIST_NAME = "index.m3u8";

const TIMELINE_ID_LENGTH = 16;
const INIT_PREFIX = "init-";
const INIT_SUFFIX = ".mp4";
const MEDIA_SUFFIX = ".m4s";
/** Longest decimal number taken from a name: 2^53 has sixteen digits. */
const NUMBER_DIGITS_MAX = 15;

/** Name of a whole segment. */
export function segmentName(timelineId: string, segment: number): string {
  return `${timelineId}-${segment}${MEDIA_SUFFIX}`;
}

/** Name of a part of a segment. */
export function partName(timelineId: string, segment: number, part: number): string {
  return `${timelineId}-${segment}.${part}${MEDIA_SUFFIX}`;
}

/** Name of an initialisation segment by the hash of its contents. */
export function initName(hash: string): string {
  return `${INIT_PREFIX}${hash}${INIT_SUFFIX}`;
}

function isLowerHex(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) return false;
  }
  return true;
}

/** Decimal without sign or leading zeros, so that each object has one name only; -1 when it is not. */
function decimal(text: string, from: number, to: number): number {
  const digits = to - from;
  if (digits < 1 || digits > NUMBER_DIGITS_MAX) return -1;
  if (digits > 1 && text.charCodeAt(from) === 48) return -1;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Reads the last element of an object's path; `undefined` for anything that is no name of ours. */
export function parseObjectName(name: string): ObjectName | undefined {
  if (name.startsWith(INIT_PREFIX)) {
    const end = INIT_PREFIX.length + 16;
    if (name.length !== end + INIT_SUFFIX.length || !name.endsWith(INIT_SUFFIX)) return undefined;
    if (!isLowerHex(name, INIT_PREFIX.length, end)) return undefined;
    return { kind: "init", hash: name.slice(INIT_PREFIX.length, end) };
  }
  if (!name.endsWith(MEDIA_SUFFIX) || name.charCodeAt(TIMELINE_ID_LENGTH) !== 45) return undefined;
  if (!isLowerHex(name, 0, TIMELINE_ID_LENGTH)) return undefined;
  const end = name.length - MEDIA_SUFFIX.length;
  const numberStart = TIMELINE_ID_LENGTH + 1;
  const dot = name.indexOf(".", numberStart);
  const segment = decimal(name, numberStart, Math.min(dot, end));
  if (segment < 0) return undefined;
  const timelineId = name.slice(0, TIMELINE_ID_LENGTH);
  if (dot === end) return { kind: "segment", timelineId, segment };
  const part = decimal(name, dot + 1, end);
  return part < 0 ? undefined : { kind: "part", timelineId, segment, part };
}
