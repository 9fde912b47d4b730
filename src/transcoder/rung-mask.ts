/** Bits of rungs, counted from the lowest in the order of the job: the mask of all of them. */
export const ALL_RUNGS = 0xffff_ffff;

/** Whether the rung's bit is set. */
export function hasRung(mask: number, rung: number): boolean {
  return ((mask >>> rung) & 1) === 1;
}
