import { ByteWriter } from "#bytes/writer.ts";

/** A track of the synthetic presentation. */
export interface SyntheticTrack {
  readonly kind: "video" | "audio";
  readonly timescale: number;
  readonly frameDuration: number;
  readonly framesPerPart: number;
}

/** 25 frames a second, five in a part of 200 ms. */
export const SYNTHETIC_VIDEO: SyntheticTrack = {
  kind: "video",
  timescale: 90_000,
  frameDuration: 3_600,
  framesPerPart: 5,
};

/** Opus frames of 20 ms, ten in a part. */
export const SYNTHETIC_AUDIO: SyntheticTrack = {
  kind: "audio",
  timescale: 48_000,
  frameDuration: 960,
  framesPerPart: 10,
};

/** Size of the synthetic picture. */
export const SYNTHETIC_SIZE = { width: 320, height: 180 } as const;

type Content = Uint8Array | ((writer: ByteWriter) => void);

function box(type: string, ...contents: Content[]): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(0).text(type);
  for (const content of contents) {
    if (typeof content === "function") content(writer);
    else writer.bytes(content);
  }
  writer.patchU32(0, writer.length);
  return writer.finish();
}

function zeros(count: number): Uint8Array {
  return new Uint8Array(count);
}

function sampleEntry(track: SyntheticTrack): Uint8Array {
  if (track.kind === "audio") {
    const dOps = box("dOps", (w) => w.u8(0).u8(2).u16(312).u32(48_000).u16(0).u8(0));
    return box(
      "Opus",
      (w) =>
        w
          .bytes(zeros(6))
          .u16(1)
          .bytes(zeros(8))
          .u16(2)
          .u16(16)
          .u32(0)
          .u32(48_000 * 65_536),
      dOps,
    );
  }
  const { width, height } = SYNTHETIC_SIZE;
  const avcC = box("avcC", (w) => w.u8(1).u8(0x4d).u8(0x40).u8(0x1f).u8(0xff).u8(0xe0).u8(0));
  return box("avc1", (w) => w.bytes(zeros(6)).u16(1).bytes(zeros(16)).u16(width).u16(height).bytes(zeros(50)), avcC);
}

/** The init segment of a track: the least that ISO/IEC 14496-12 asks for. */
export function syntheticInit(track: SyntheticTrack): Uint8Array {
  const table = box(
    "stbl",
    box("stsd", (w) => w.u32(0).u32(1), sampleEntry(track)),
    ...["stts", "stsc", "stco"].map((type) => box(type, zeros(8))),
    box("stsz", zeros(12)),
  );
  const media = box(
    "mdia",
    box("mdhd", (w) => w.u32(0).u32(0).u32(0).u32(track.timescale).u32(0).u32(0)),
    box("hdlr", (w) =>
      w
        .u32(0)
        .u32(0)
        .text(track.kind === "video" ? "vide" : "soun")
        .bytes(zeros(13)),
    ),
    box("minf", table),
  );
  const tkhd = box("tkhd", (w) => w.u32(3).u32(0).u32(0).u32(1).bytes(zeros(68)));
  const moov = box(
    "moov",
    box("mvhd", zeros(100)),
    box("trak", tkhd, media),
    box(
      "mvex",
      box("trex", (w) => w.u32(0).u32(1).u32(1).u32(0).u32(0).u32(0)),
    ),
  );
  return new Uint8Array([...box("ftyp", (w) => w.text("cmf2").u32(0).text("cmf2")), ...moov]);
}

function payload(track: SyntheticTrack, dts: number, keyframe: boolean): Uint8Array {
  const bytes = new Uint8Array(track.kind === "video" ? 200 : 40);
  for (let i = 0; i < bytes.byteLength; i++) bytes[i] = (dts / track.frameDuration + i) & 0xff;
  if (track.kind === "video") {
    new DataView(bytes.buffer).setUint32(0, bytes.byteLength - 4);
    bytes[4] = keyframe ? 0x65 : 0x41;
  }
  return bytes;
}

/** One chunk. `skipFrames` leaves frames out at its beginning, as a lossy packager would. */
export function syntheticChunk(
  track: SyntheticTrack,
  options: {
    readonly startFrame: number;
    readonly frames: number;
    readonly keyframe: boolean;
    readonly skipFrames?: number;
  },
): Uint8Array {
  const skip = options.skipFrames ?? 0;
  const startDts = (options.startFrame + skip) * track.frameDuration;
  const samples = Array.from({ length: options.frames - skip }, (_, i) =>
    payload(track, startDts + i * track.frameDuration, options.keyframe && skip + i === 0),
  );
  const runFields = 20 + samples.length * 12;
  const moofBytes = 8 + 16 + 8 + 16 + 20 + runFields;
  const trun = box("trun", (w) => {
    w.u32(0x701)
      .u32(samples.length)
      .u32(moofBytes + 8);
    for (const [i, sample] of samples.entries()) {
      const sync = track.kind === "audio" || (options.keyframe && skip === 0 && i === 0);
      w.u32(track.frameDuration)
        .u32(sample.byteLength)
        .u32(sync ? 0x0200_0000 : 0x0101_0000);
    }
  });
  const traf = box(
    "traf",
    box("tfhd", (w) => w.u32(0x2_0000).u32(1)),
    box("tfdt", (w) => w.u32(0x0100_0000).u64(startDts)),
    trun,
  );
  const moof = box(
    "moof",
    box("mfhd", (w) => w.u32(0).u32(1)),
    traf,
  );
  return new Uint8Array([...moof, ...box("mdat", ...samples)]);
}
