import type { MediaRule } from "./rule.ts";

/** Written durations may differ from the samples' sum by this, in seconds: rounding to milliseconds. */
const DURATION_ERROR_S_MAX = 0.001_5;

/** What the bytes of parts and segments must be (CMAF, ISO/IEC 23000-19; §3.1.2, §4.4.4). */
export const MEDIA_RULES: readonly MediaRule[] = [
  {
    on: "media",
    id: "cmaf-valid",
    clause: "ISO/IEC 23000-19 7.3, ISO/IEC 14496-12 8.8",
    severity: "error",
    demands: "Media are CMAF chunks: one track, tfdt, moof directly before its mdat, sample sizes that fill the mdat.",
    *check({ broken }) {
      if (broken !== undefined) yield broken;
    },
  },
  {
    on: "media",
    id: "frames-none-missing",
    clause: "ISO/IEC 23000-19 7.3.2.3",
    severity: "error",
    demands: "Decode times join without a gap unless a discontinuity or a gap is announced.",
    *check({ missing, joinSentence }) {
      if (missing > 0) yield joinSentence;
    },
  },
  {
    on: "media",
    id: "frames-none-repeated",
    clause: "ISO/IEC 23000-19 7.3.2.3",
    severity: "error",
    demands: "Decode times never go back.",
    *check({ repeated, joinSentence }) {
      if (repeated > 0) yield joinSentence;
    },
  },
  {
    on: "media",
    id: "independent-is-decodable",
    clause: "4.4.4.9, 4.4.2.1",
    severity: "error",
    demands: "What is announced as independent begins with a frame a decoder can start at.",
    *check({ broken, announcedIndependent, decodable, kind }) {
      if (broken === undefined && announcedIndependent && !decodable)
        yield `an independent ${kind} begins with no keyframe`;
    },
  },
  {
    on: "media",
    id: "duration-true",
    clause: "4.4.4.1, 4.4.4.9",
    severity: "error",
    demands: "EXTINF and DURATION say how long the samples last.",
    *check({ broken, announcedS, durationS, kind }) {
      if (broken === undefined && Math.abs(announcedS - durationS) > DURATION_ERROR_S_MAX) {
        yield `a ${kind} of ${durationS.toFixed(5)} s is announced as ${announcedS} s`;
      }
    },
  },
  {
    on: "media",
    id: "segment-equals-parts",
    clause: "4.4.4.9",
    severity: "error",
    demands: "A segment is its parts, one after the other, byte for byte.",
    *check({ equalsParts }) {
      if (equalsParts === false) yield "the segment's bytes are not those of its parts";
    },
  },
  {
    on: "media",
    id: "tracks-aligned",
    clause: "6.2.4",
    severity: "warning",
    demands: "The same segment begins at the same time in all tracks, within one audio frame.",
    *check({ misalignedFrames }) {
      if (misalignedFrames !== undefined && misalignedFrames > 1.01) {
        yield `begins ${misalignedFrames.toFixed(2)} audio frames away from the same segment of another track`;
      }
    },
  },
];
