/** One line of the speed table. */
export interface Row {
  readonly what: string;
  /** The measured figure with its unit. */
  readonly figure: string;
  /** What we want to reach; empty where the row only informs. */
  readonly reach: string;
  /** Whether it was reached; undefined where nothing was asked. */
  readonly ok: boolean | undefined;
}

/** The table as Markdown. */
export function renderTable(rows: readonly Row[]): string {
  const mark = (row: Row): string => (row.ok === undefined ? "" : row.ok ? "yes" : "no");
  return [
    "| what | measured | reach | reached |",
    "|---|---|---|---|",
    ...rows.map((row) => `| ${row.what} | ${row.figure} | ${row.reach} | ${mark(row)} |`),
  ].join("\n");
}
