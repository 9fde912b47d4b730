import type { InterruptionReason } from "#link/stream-event.ts";

/** What a tired operator reads when nobody delivers any more, with the cure where there is one. */
export const INTERRUPTION_WORDS: Readonly<Record<InterruptionReason, string>> = {
  finished: "the encoder ended its stream",
  lost: "the encoder's connection broke",
  refused: "the encoder was disconnected by this server",
  silent: "the encoder sends no picture: see whether it is paused, or its uplink is gone",
  late: "the encoder delivers slower than time goes by: lower its bitrate, or look at its uplink and processor",
  early: "the encoder sends faster than time goes by, as from a file: let it send in real time (ffmpeg: -re before -i)",
  undecodable: "nothing that the encoder sends can be shown: restart it",
};
