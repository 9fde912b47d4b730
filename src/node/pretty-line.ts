const COLOURS: Readonly<Record<string, string>> = {
  debug: "\u001b[2m",
  info: "\u001b[32m",
  warn: "\u001b[33m",
  error: "\u001b[31m",
};
const DIM = "\u001b[2m";
const RESET = "\u001b[0m";

function isPlain(value: string): boolean {
  return /^[\w.:/@+,-]+$/.test(value);
}

function shown(value: unknown): string {
  if (typeof value === "string") return isPlain(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}

/** What the log hands to its output. */
interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly event: string;
  readonly message?: string;
  readonly [field: string]: unknown;
}

/** One line for people: `12:03:04.123 info  stream.started  main is on air  stream=main`. `json` is one line of the structured log. */
export function prettyLine(json: string, colours: boolean): string {
  const { level, time, event, message, ...fields } = JSON.parse(json) as LogLine;
  const paint = (colour: string, text: string): string => (colours ? `${colour}${text}${RESET}` : text);
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${shown(value)}`);
  const parts = [
    paint(DIM, time.slice(11, 23)),
    paint(COLOURS[level] ?? "", level.padEnd(5)),
    event,
    ...(message === undefined ? [] : [`· ${message}`]),
    ...(rest.length === 0 ? [] : [paint(DIM, rest.join(" "))]),
  ];
  return `${parts.join(" ")}\n`;
}
