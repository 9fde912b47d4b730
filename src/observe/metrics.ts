/**
 * Counters and gauges in the Prometheus text exposition format 0.0.4. Instruments are created once at start; the hot path only adds to a number.
 */
export type Labels = Readonly<Record<string, string>>;

/** A number that only grows. */
export interface Counter {
  add(value?: number): void;
  readonly value: number;
}

interface Family {
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly series: Map<string, () => number>;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([key, value]) => `${key}="${escapeLabel(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

/** Holds every instrument of a process and renders them. Names follow Prometheus: `grandstand_<area>_<what>_<unit>[_total]`. */
export class Metrics {
  readonly #families = new Map<string, Family>();
  readonly #counters = new Map<string, Counter>();

  #family(name: string, type: Family["type"], help: string): Family {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { type, help, series: new Map() };
      this.#families.set(name, family);
    }
    return family;
  }

  /** The counter of this name and labels; the same one when asked again. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const { series } = this.#family(name, "counter", help);
    const key = labelText(labels);
    const existing = this.#counters.get(name + key);
    if (existing !== undefined) return existing;
    let value = 0;
    series.set(key, () => value);
    const counter: Counter = {
      add: (by = 1) => {
        value += by;
      },
      get value() {
        return value;
      },
    };
    this.#counters.set(name + key, counter);
    return counter;
  }

  /** A gauge read when the metrics are scraped. Returns a function that removes it. */
  gauge(name: string, help: string, read: () => number, labels: Labels = {}): () => void {
    return this.#reading({ name, type: "gauge", help }, read, labels);
  }

  /** A counter that somebody else keeps, read when the metrics are scraped. Returns a function that removes it. */
  total(name: string, help: string, read: () => number, labels: Labels = {}): () => void {
    return this.#reading({ name, type: "counter", help }, read, labels);
  }

  #reading(
    { name, type, help }: { name: string; type: Family["type"]; help: string },
    read: () => number,
    labels: Labels,
  ): () => void {
    const { series } = this.#family(name, type, help);
    const key = labelText(labels);
    series.set(key, read);
    return () => {
      series.delete(key);
    };
  }

  /** The whole exposition. */
  render(): string {
    const lines: string[] = [];
    for (const [name, family] of this.#families) {
      if (family.series.size === 0) continue;
      lines.push(`# HELP ${name} ${family.help}`, `# TYPE ${name} ${family.type}`);
      for (const [labels, read] of family.series) lines.push(`${name}${labels} ${read()}`);
    }
    return `${lines.join("\n")}\n`;
  }
}
