import { describe, expect, test } from "bun:test";
import { amfObject } from "./amf-value.ts";
import {
  answerCapabilities,
  offerCapabilities,
  readCapabilities,
  readServerCodecs,
  takesCodec,
} from "./capabilities.ts";

describe("what a server says it takes", () => {
  test("is H.264 and AAC where it says nothing", () => {
    const codecs = readServerCodecs([amfObject({ fmsVer: "FMS/3,0,1,123" }), null, undefined, "text"]);
    expect([...codecs]).toEqual([]);
    expect((["avc", "aac", "hevc", "opus", "mp3"] as const).filter((codec) => takesCodec(codecs, codec))).toEqual([
      "avc",
      "aac",
    ]);
  });

  test("is read from the lists of both versions, in either object; no ability is no codec", () => {
    const codecs = readServerCodecs([
      amfObject({ fourCcList: ["av01", 7, "Opus"] }),
      amfObject({ videoFourCcInfoMap: amfObject({ hvc1: 4, vp09: 0 }), audioFourCcInfoMap: "none" }),
    ]);
    expect([...codecs].sort()).toEqual(["Opus", "av01", "hvc1"]);
    expect(takesCodec(codecs, "hevc")).toBe(true);
    expect(takesCodec(codecs, "vp9")).toBe(false);
  });

  test("is everything with an asterisk", () => {
    expect(takesCodec(readServerCodecs([amfObject({ fourCcList: ["*"] })]), "flac")).toBe(true);
  });

  test("is every codec we carry when it is a server of ours", () => {
    const answer = answerCapabilities(readCapabilities(amfObject(offerCapabilities())));
    const codecs = readServerCodecs([amfObject(answer)]);
    for (const codec of ["hevc", "av1", "vp9", "opus", "ac3", "eac3", "flac", "mp3"] as const) {
      expect(takesCodec(codecs, codec)).toBe(true);
    }
  });
});
