import type { GateCheckpoint } from "#timeline/checkpoint.ts";
import type { TimelineWriter } from "#timeline/timeline-writer.ts";
import type { Rational } from "#time/ticks.ts";
import type { EncoderSession } from "./encoder-session.ts";
import type { SlateFormat, SlatePicture, SlateSound } from "./slate-player.ts";

/** Frame rate of a slate where the encoder's is not known. */
const UNKNOWN_RATE: Rational = { num: 30, den: 1 };

/** What a slate looks like that nothing is known for: 720p in H.264, and sound as most encoders send it. */
const USUAL_FORMAT: SlateFormat = {
  pictures: [
    {
      raw: { kind: "video", number: 0 },
      config: {
        kind: "video",
        codec: "avc",
        record: new Uint8Array(),
        width: 1280,
        height: 720,
        pixelAspect: { num: 1, den: 1 },
        codecs: "avc1.64001f",
      },
      frameRate: UNKNOWN_RATE,
      keyframe: undefined,
    },
  ],
  sounds: [
    {
      raw: { kind: "audio", number: 0 },
      config: {
        kind: "audio",
        codec: "aac",
        record: Uint8Array.of(0x11, 0x90),
        sampleRate: 48_000,
        channels: 2,
        samplesPerFrame: 1024,
        codecs: "mp4a.40.2",
      },
    },
  ],
};

/** The format of a slate before any encoder came: that of the stream's last broadcast, where one is known and had a picture. */
export function idleFormat(last: GateCheckpoint | undefined): SlateFormat {
  const picture = last?.tracks.find(({ name }) => name === "source")?.config;
  const sound = last?.tracks.find(({ name }) => name === "audio")?.config;
  if (picture?.kind !== "video") return USUAL_FORMAT;
  const frameRate = picture.frameRate ?? UNKNOWN_RATE;
  return {
    pictures: [{ raw: { kind: "video", number: 0 }, config: picture, frameRate, keyframe: undefined }],
    sounds: sound?.kind === "audio" ? [{ raw: { kind: "audio", number: 0 }, config: sound }] : [],
  };
}

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
