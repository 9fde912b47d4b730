/**
 * The part rule: where a segment's frames are divided into parts. A function of the frames' durations from index 0 alone, never of arrival.
 *
 *   - a frame that would take the open part past the target begins a new part;
 *   - a part closes with the frame after which another one of the same duration would take it past the target;
 *   - the seal closes the last one.
 *
 * So 30 fps and 500 ms give 15 frames, closed as soon as the 15th is there; 29.97 fps gives 14. No part is longer than the target but a
 * single frame that is, and with even durations none but the last is shorter than the target less one frame.
 */

/** Whether a frame must begin a new part rather than join one of `openTicks`. */
export function beginsNewPart(openTicks: number, frameTicks: number, targetTicks: number): boolean {
  return openTicks > 0 && openTicks + frameTicks > targetTicks;
}

/** Whether a part of `openTicks`, whose last frame lasts `lastFrameTicks`, is complete. */
export function closesPart(openTicks: number, lastFrameTicks: number, targetTicks: number): boolean {
  return openTicks + lastFrameTicks > targetTicks;
}
