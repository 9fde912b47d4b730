const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Attributes of an element in the order given, each with a space before; those without a value are left out. */
export function xmlAttributes(values: Readonly<Record<string, string | number | undefined>>): string {
  let text = "";
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    text += ` ${name}="${typeof value === "number" ? value : value.replace(/[&<>"]/g, (sign) => ESCAPES[sign] ?? sign)}"`;
  }
  return text;
}

/** Whole microseconds as an `xs:duration` in seconds: `PT2S`, `PT1795000000.5S`. */
export function xsDuration(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const rest = micros - seconds * 1e6;
  if (rest === 0) return `PT${seconds}S`;
  let digits = String(rest + 1e6).slice(1);
  while (digits.endsWith("0")) digits = digits.slice(0, -1);
  return `PT${seconds}.${digits}S`;
}
