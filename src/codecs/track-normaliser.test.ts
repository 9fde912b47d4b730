import { expect, test } from "bun:test";
import { TrackNormaliser } from "./track-normaliser.ts";

/** Parameter sets of x264, as an Annex B byte stream and as a decoder configuration record. */
const SPS = "674d4015eca0f047f580880000030008000003019078b16cb0";
const PPS = "68ebe3cb20";
const ANNEX_B = Uint8Array.fromHex(`00000001${SPS}00000001${PPS}`);
const RECORD = Uint8Array.fromHex(`014d4015ffe10019${SPS}01000568ebe3cb20`);

test("samples of a byte stream whose beginning was lost keep the units that are whole", () => {
  const track = new TrackNormaliser("h264");
  track.configure(ANNEX_B);
  expect(track.config).toMatchObject({ codec: "avc", width: 480, height: 270 });
  expect(track.sample(Uint8Array.fromHex("8f07f00b22000000016588aa"))?.toHex()).toBe("000000036588aa");
  expect(track.sample(Uint8Array.fromHex("0000016588aa000001658899"))?.toHex()).toBe("000000036588aa00000003658899");
  expect(track.sample(Uint8Array.fromHex("8f07f00b22"))).toBeUndefined();
});

test("samples with lengths stay as they are, and broken ones are refused", () => {
  const track = new TrackNormaliser("h264");
  track.configure(RECORD);
  const sample = Uint8Array.fromHex("000000036588aa");
  expect(track.sample(sample)).toBe(sample);
  expect(() => track.sample(Uint8Array.fromHex("8f07f00b22"))).toThrow("a NAL unit claims 2399662091 bytes");
});
