import type { AudioCodec, VideoCodec } from "#media/track.ts";
import { type AmfValue, amfNumber, amfObject, amfProperty, isAmfObject } from "./amf-value.ts";

/** Bits of `capsEx` (Enhanced RTMP v2, "Enhancing NetConnection connect Command"). */
export const CapsEx = { RECONNECT: 1, MULTITRACK: 2, MOD_EX: 4, NANO_OFFSET: 8 } as const;
/** Bits of a FourCC's entry in the info maps: we pass the coded picture on and never decode or encode it here. */
const CAN_FORWARD = 4;

const VIDEO_CODECS = ["avc1", "hvc1", "av01", "vp09"] as const;
const AUDIO_CODECS = ["mp4a", "Opus", "ac-3", "ec-3", "fLaC", ".mp3"] as const;
const OUR_CAPS = CapsEx.RECONNECT | CapsEx.MULTITRACK | CapsEx.MOD_EX | CapsEx.NANO_OFFSET;

/** What an encoder said of Enhanced RTMP in `connect`. */
export interface Capabilities {
  /** It named at least one of the enhanced properties. */
  readonly enhanced: boolean;
  /** It offered `fourCcList`: the form of version 1, answered in kind. */
  readonly fourCcList: boolean;
  /** Sum of {@link CapsEx} bits, 0 when unsaid. */
  readonly capsEx: number;
}

/** Reads the command object of `connect`. */
export function readCapabilities(connect: AmfValue): Capabilities {
  const fourCcList = Array.isArray(amfProperty(connect, "fourCcList"));
  const maps =
    isAmfObject(amfProperty(connect, "videoFourCcInfoMap")) || isAmfObject(amfProperty(connect, "audioFourCcInfoMap"));
  const capsEx = amfNumber(connect, "capsEx");
  return { enhanced: fourCcList || maps || capsEx !== undefined, fourCcList, capsEx: (capsEx ?? 0) >>> 0 };
}

/** The properties of our answer: what we can do, of what the encoder asked for. */
export function answerCapabilities(theirs: Capabilities): Record<string, AmfValue> {
  if (!theirs.enhanced) return {};
  return {
    ...(theirs.fourCcList ? { fourCcList: [...VIDEO_CODECS, ...AUDIO_CODECS] } : {}),
    videoFourCcInfoMap: infoMap(VIDEO_CODECS),
    audioFourCcInfoMap: infoMap(AUDIO_CODECS),
    capsEx: OUR_CAPS & theirs.capsEx,
  };
}

/** The properties a publisher of ours puts into `connect`. */
export function offerCapabilities(): Record<string, AmfValue> {
  return {
    fourCcList: [...VIDEO_CODECS, ...AUDIO_CODECS],
    videoFourCcInfoMap: infoMap(VIDEO_CODECS),
    audioFourCcInfoMap: infoMap(AUDIO_CODECS),
    capsEx: CapsEx.RECONNECT | CapsEx.MULTITRACK,
  };
}

const FOURCC: Readonly<Record<VideoCodec | AudioCodec, string>> = {
  avc: "avc1",
  hevc: "hvc1",
  av1: "av01",
  vp9: "vp09",
  aac: "mp4a",
  opus: "Opus",
  ac3: "ac-3",
  eac3: "ec-3",
  flac: "fLaC",
  mp3: ".mp3",
};
/** Stands for every codec in a server's lists. */
const EVERY_CODEC = "*";

/** The FourCCs that a server names in its answer to `connect`, in either of its objects; empty for one that knows plain RTMP only. */
export function readServerCodecs(objects: readonly AmfValue[]): ReadonlySet<string> {
  const codecs = new Set<string>();
  for (const object of objects) {
    const list = amfProperty(object, "fourCcList");
    if (Array.isArray(list)) for (const code of list) if (typeof code === "string") codecs.add(code);
    for (const name of ["videoFourCcInfoMap", "audioFourCcInfoMap"]) {
      const map = amfProperty(object, name);
      if (!isAmfObject(map)) continue;
      for (const [code, abilities] of map.properties) if (abilities !== 0) codecs.add(code);
    }
  }
  return codecs;
}

/** Whether a server takes a codec: H.264 and AAC any, others one that named them. */
export function takesCodec(serverCodecs: ReadonlySet<string>, codec: VideoCodec | AudioCodec): boolean {
  if (codec === "avc" || codec === "aac") return true;
  return serverCodecs.has(FOURCC[codec]) || serverCodecs.has(EVERY_CODEC);
}

function infoMap(codecs: readonly string[]): AmfValue {
  return amfObject(Object.fromEntries(codecs.map((codec) => [codec, CAN_FORWARD])));
}
