import type { TimelineWriter } from "#timeline/timeline-writer.ts";
import type { Rational } from "#time/ticks.ts";
import type { EncoderSession } from "./encoder-session.ts";
import type { SlateFormat, SlatePicture, SlateSound } from "./slate-player.ts";

/** Frame rate of a slate where the encoder's is not known. */
const UNKNOWN_RATE: Rational = { num: 30, den: 1 };

/** The format of a session on air, for its slate; `undefined` where it has no picture. */
export function slateFormat(session: EncoderSession, timeline: TimelineWriter): SlateFormat | undefined {
  const pictures: SlatePicture[] = [];
  const sounds: SlateSound[] = [];
  for (const { raw, config } of session.configs.values()) {
    if (config.kind === "audio") sounds.push({ raw, config });
    else {
      const lane = timeline.lane(raw);
      const frameRate = lane?.video?.lockedRate ?? config.frameRate ?? UNKNOWN_RATE;
      pictures.push({ raw, config, frameRate, keyframe: lane?.filler?.payload });
    }
  }
  pictures.sort((a, b) => a.raw.number - b.raw.number);
  return pictures.length === 0 ? undefined : { pictures, sounds };
}
