/** Encoders of OBS that may be asked for: one in software, which every computer has, and those of graphics cards. */
export const MULTITRACK_ENCODERS = ["x264", "nvenc", "amf", "qsv", "videotoolbox"] as const;

/** One of {@link MULTITRACK_ENCODERS}. */
export type MultitrackEncoder = (typeof MULTITRACK_ENCODERS)[number];

/** What a client tells of its computer. */
export interface ClientComputer {
  /** Name of the operating system. */
  readonly system: string;
  /** PCI vendor of the card that composes the picture. */
  readonly gpuVendor: number | undefined;
}

/** PCI vendors. */
const ENCODER_OF_VENDOR: ReadonlyMap<number, MultitrackEncoder> = new Map([
  [0x10de, "nvenc"],
  [0x1002, "amf"],
  [0x8086, "qsv"],
  [0x106b, "videotoolbox"],
]);

/** Pictures that an encoder in hardware encodes at once without anybody noticing. */
const HARDWARE_PICTURES = 4;
/** Pictures in software by the cores there are at least for it; three where nobody knows. */
const SOFTWARE_PICTURES: readonly (readonly [coresMin: number, pictures: number])[] = [
  [12, 4],
  [6, 3],
  [0, 2],
];
const SOFTWARE_PICTURES_USUAL = 3;

/**
 * The encoder a client most likely has: a client does not tell which it has, only its cards, and one that is missing keeps it from starting. So
 * hardware is chosen on Windows and macOS alone, where the card's maker decides; everybody else gets x264.
 */
export function likelyEncoder({ system, gpuVendor }: ClientComputer): MultitrackEncoder {
  const encoder = gpuVendor === undefined ? undefined : ENCODER_OF_VENDOR.get(gpuVendor);
  if (encoder === undefined) return "x264";
  const isMac = encoder === "videotoolbox";
  return system === (isMac ? "macOS" : "Windows") ? encoder : "x264";
}

/** Pictures to ask for where the client leaves it open. */
export function usualPictures(encoder: MultitrackEncoder, physicalCores: number | undefined): number {
  if (encoder !== "x264") return HARDWARE_PICTURES;
  if (physicalCores === undefined) return SOFTWARE_PICTURES_USUAL;
  return SOFTWARE_PICTURES.find(([coresMin]) => physicalCores >= coresMin)?.[1] ?? 1;
}

/** Version of OBS that brought the NVENC encoder under its present name. */
const NVENC_RENAMED_IN = 31;

/** Name and settings of an encoder as OBS wants them. */
interface EncoderSetup {
  readonly type: string;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

/**
 * How OBS is to open an encoder: constant bitrate, a keyframe every `keyframeSeconds` and nowhere else, no B-frames, so that the pictures of all
 * frame rates begin their groups at the same times.
 * @param options.clientMajor version of OBS; `undefined`: the newest.
 */
export function encoderSetup(
  encoder: MultitrackEncoder,
  options: {
    readonly kilobits: number;
    readonly keyframeSeconds: number;
    readonly clientMajor: number | undefined;
  },
): EncoderSetup {
  const { kilobits: bitrate, keyframeSeconds: keyint_sec, clientMajor = NVENC_RENAMED_IN } = options;
  const usual = { rate_control: "CBR", bitrate, keyint_sec, profile: "high" };
  switch (encoder) {
    case "x264":
      return {
        type: "obs_x264",
        settings: { ...usual, preset: "veryfast", bf: 0, x264opts: "scenecut=0" },
      };
    case "nvenc": {
      const settings = { ...usual, bf: 0, lookahead: false, disable_scenecut: true };
      if (clientMajor < NVENC_RENAMED_IN) return { type: "jim_nvenc", settings: { ...settings, preset2: "p4" } };
      return { type: "obs_nvenc_h264_tex", settings: { ...settings, preset: "p4" } };
    }
    case "amf":
      return { type: "h264_texture_amf", settings: { ...usual, preset: "balanced", bf: 0 } };
    case "qsv":
      return { type: "obs_qsv11_v2", settings: { ...usual, target_usage: "TU4", bframes: 0 } };
    case "videotoolbox":
      // Constant bitrate needs macOS 13.
      return {
        type: "com.apple.videotoolbox.videoencoder.ave.avc",
        settings: {
          ...usual,
          rate_control: "ABR",
          limit_bitrate: true,
          max_bitrate: bitrate,
          max_bitrate_window: 1,
          bframes: false,
        },
      };
  }
}
