/** A service that people send their streams to. */
export interface TargetPreset {
  readonly id: string;
  readonly name: string;
  /** Its address without the key; absent where each broadcaster has one of his own. */
  readonly url: string | undefined;
  /** Where its key is found. */
  readonly hint: string;
}

/** Services by the addresses they publish. */
export const TARGET_PRESETS: readonly TargetPreset[] = [
  {
    id: "youtube",
    name: "YouTube",
    url: "rtmps://a.rtmps.youtube.com/live2",
    hint: "The key is in YouTube Studio: Create → Go live → Stream.",
  },
  {
    id: "twitch",
    name: "Twitch",
    url: "rtmp://live.twitch.tv/app",
    hint: "The key is in Twitch's creator dashboard: Settings → Stream.",
  },
  {
    id: "facebook",
    name: "Facebook",
    url: "rtmps://live-api-s.facebook.com:443/rtmp",
    hint: "The key is in Live Producer: Streaming software.",
  },
  {
    id: "kick",
    name: "Kick",
    url: undefined,
    hint: "Stream URL and key are in Kick's creator dashboard: Settings → Stream URL and key. The URL is each channel's own.",
  },
];
