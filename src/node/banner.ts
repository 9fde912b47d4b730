import type { BannerFacts } from "./process-messages.ts";

const BOLD = "\u001b[1m";
const DIM = "\u001b[2m";
const GREEN = "\u001b[32m";
const RESET = "\u001b[0m";

/** The lines a person reads after `npm start`: where to push, with which key, where to watch. Ends with the line that says that it listens. */
export function renderBanner(facts: BannerFacts, options: { readonly colours: boolean }): string {
  const paint = (colour: string, text: string): string => (options.colours ? `${colour}${text}${RESET}` : text);
  const { stream, ingest, web, streamCount } = facts;
  const rows: [string, string][] = ingest.map((url, i) => [i === 0 ? "Push to" : "", url]);
  if (stream !== undefined) {
    const hidden = `shown once when it was made; a new one: grandstand streams rotate-key ${stream.name}`;
    rows.push(["Stream key", stream.key ?? hidden]);
    rows.push(...web.map((url, i): [string, string] => [i === 0 ? "Watch" : "", `${url}/watch/${stream.name}`]));
  }
  rows.push(["Admin page", `${web[0] ?? ""}/admin`], ["Admin token", facts.adminToken]);
  if (streamCount > 1) rows.push(["Streams", `${streamCount}; all of them: grandstand streams list`]);
  const width = Math.max(...rows.map(([label]) => label.length));
  const lines = rows.map(([label, value]) => `  ${paint(DIM, label.padEnd(width))}  ${value}`);
  const title = `  ${paint(BOLD, "Grandstand")} ${facts.version}`;
  const last = `  ${paint(GREEN, "Listening.")} ${paint(DIM, "Stop with Ctrl-C.")}`;
  return `\n${title}\n\n${lines.join("\n")}\n\n${last}\n\n`;
}
