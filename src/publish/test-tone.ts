import { BEEP_MS } from "./test-picture.ts";

const TONE_HZ = 1000;
/** Of full scale: loud enough to hear, quiet enough not to frighten. */
const AMPLITUDE = 0.25;
/** The tone fades over this time at both ends, so that it does not click. */
const RAMP_MS = 5;

/**
 * Fills `samples` with the test sound: a 1 kHz tone for {@link BEEP_MS} at each full second of the wall clock, else silence.
 * `firstSample` counts samples from the start of the source, which was at `startWallMs` (milliseconds since the Unix epoch).
 */
export function fillTestTone(
  samples: Float32Array,
  firstSample: number,
  sampleRate: number,
  startWallMs: number,
): void {
  for (let i = 0; i < samples.length; i++) {
    const sinceStartMs = ((firstSample + i) * 1000) / sampleRate;
    const inSecondMs = (startWallMs + sinceStartMs) % 1000;
    if (inSecondMs >= BEEP_MS) {
      samples[i] = 0;
      continue;
    }
    const ramp = Math.min(1, inSecondMs / RAMP_MS, (BEEP_MS - inSecondMs) / RAMP_MS);
    samples[i] = AMPLITUDE * ramp * Math.sin((2 * Math.PI * TONE_HZ * inSecondMs) / 1000);
  }
}
