import type { Fault } from "#faults/fault.ts";

const RED = "\u001b[31m";
const RESET = "\u001b[0m";

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** What a person is told of a fault: one line; several problems have a line each. */
export function faultText(fault: Fault, colours: boolean): string {
  const problems = fault.message.split("\n");
  const label = colours ? `${RED}error${RESET}` : "error";
  const code = `[${fault.code}]`;
  const hint = fault.hint === undefined ? "" : ` ${sentence(fault.hint.charAt(0).toUpperCase() + fault.hint.slice(1))}`;
  if (problems.length === 1) return `${label}: ${sentence(fault.message)}${hint} ${code}\n`;
  const lines = problems.map((problem) => `  ${problem}`).join("\n");
  return `${label}: ${problems.length} problems:\n${lines}\n ${hint} ${code}\n`;
}

/** Whether a person looks at this output: colours and a live line make sense. */
export function isTerminal(output: { readonly isTTY?: boolean }): boolean {
  return output.isTTY === true;
}
