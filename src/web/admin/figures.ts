import type { StreamHealth, TrackHealth } from "#web/wire.ts";

const CODEC_NAMES: Readonly<Record<string, string>> = {
  avc: "H.264",
  hevc: "HEVC",
  av1: "AV1",
  vp9: "VP9",
  aac: "AAC",
  opus: "Opus",
  ac3: "AC-3",
  eac3: "E-AC-3",
  flac: "FLAC",
  mp3: "MP3",
};

/** A codec as people call it. */
export function codecName(codec: string): string {
  return CODEC_NAMES[codec] ?? codec;
}

/** A bitrate with its unit: `2.6 Mbit/s`, `160 kbit/s`. */
export function bitrateText(bitsPerSecond: number): string {
  if (bitsPerSecond >= 999_500) return `${(bitsPerSecond / 1e6).toFixed(bitsPerSecond < 9.95e6 ? 1 : 0)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

/** Frames per second as encoders name them: 30, 29.97, 59.94. */
export function rateText(framesPerSecond: number): string {
  return String(Math.round(framesPerSecond * 100) / 100);
}

/** Seconds with one digit: `2.0 s`. */
export function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** The first picture of a broadcast. */
export function pictureOf(health: StreamHealth): TrackHealth | undefined {
  return health.tracks.find(({ kind }) => kind === "video");
}

/** Bits per second of all tracks. */
export function totalBitrate(health: StreamHealth): number {
  return health.tracks.reduce((total, { bitrate }) => total + bitrate, 0);
}

/** Bits per second of all tracks, one value a second, oldest first. Tracks that began later count from then. */
export function totalHistory(health: StreamHealth): number[] {
  const length = Math.max(0, ...health.tracks.map(({ bitrateHistory }) => bitrateHistory.length));
  const total = new Array<number>(length).fill(0);
  for (const { bitrateHistory } of health.tracks) {
    const from = length - bitrateHistory.length;
    bitrateHistory.forEach((value, i) => {
      total[from + i] = (total[from + i] ?? 0) + value;
    });
  }
  return total;
}

/** Size and rate in one word: `1080p30`. */
export function formatText(track: TrackHealth): string {
  if (track.height === null) return codecName(track.codec);
  const rate = track.frameRate === null ? "" : String(Math.round(track.frameRate));
  return `${track.height}p${rate}`;
}

/** An encoder's name without the words every encoder sends. */
export function encoderName(flashVer: string | null): string {
  if (flashVer === null || flashVer === "") return "Unknown";
  const inside = /^FMLE\/[\d.]+ \(compatible; (.+)\)$/.exec(flashVer)?.[1] ?? flashVer;
  const known = /^obs-studio\/(.+)$/.exec(inside)?.[1];
  return known === undefined ? inside : `OBS ${known}`;
}
