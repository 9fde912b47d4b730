const MS_PER_DAY = 86_400_000;
const DAYS_PER_ERA = 146_097;
/** Days from 0000-03-01, where the 400-year cycle of the Gregorian calendar begins, to 1970-01-01. */
const EPOCH_DAYS = 719_468;

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}

let dayOfText = Number.NaN;
let dayText = "";

/** Calendar date of a day counted from 1970-01-01. */
function dateOf(day: number): string {
  if (day === dayOfText) return dayText;
  const shifted = day + EPOCH_DAYS;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  dayOfText = day;
  dayText = `${pad(year, 4)}-${pad(month, 2)}-${pad(dayOfMonth, 2)}`;
  return dayText;
}

/** Milliseconds since the Unix epoch as ISO 8601 in UTC: `2026-01-01T00:00:00.000Z`. */
export function isoDateTime(ms: number): string {
  const day = Math.floor(ms / MS_PER_DAY);
  const inDay = ms - day * MS_PER_DAY;
  const hours = Math.floor(inDay / 3_600_000);
  const minutes = Math.floor(inDay / 60_000) % 60;
  const seconds = Math.floor(inDay / 1000) % 60;
  return `${dateOf(day)}T${pad(hours, 2)}:${pad(minutes, 2)}:${pad(seconds, 2)}.${pad(inDay % 1000, 3)}Z`;
}

/** Ticks of a timescale since the epoch as ISO 8601, to the nearest millisecond. */
export function isoDateTimeOfTicks(ticks: number, timescale: number): string {
  const seconds = Math.floor(ticks / timescale);
  return isoDateTime(seconds * 1000 + Math.round(((ticks - seconds * timescale) * 1000) / timescale));
}
