/** How long ago, in words: `just now`, `12 min`, `3 h 5 min`, `2 days`. */
export function spanText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** A clock-like duration with tabular figures: `12:34`, `1:02:03`. */
export function clockText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const near = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

/** The moment in the viewer's zone, in full. */
export function exactText(wallMs: number): string {
  return exact.format(wallMs);
}

const moment = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** Hours, minutes and seconds in the viewer's zone. */
export function momentText(wallMs: number): string {
  return moment.format(wallMs);
}

/** Hours and minutes in the viewer's zone. */
export function hourText(wallMs: number): string {
  return near.format(wallMs);
}

const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

/** `since 10:06`, with the day when it was not today. */
export function sinceText(wallMs: number, nowMs: number): string {
  return `since ${new Date(wallMs).toDateString() === new Date(nowMs).toDateString() ? near.format(wallMs) : day.format(wallMs)}`;
}
