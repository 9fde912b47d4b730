import type { Counter, Metrics } from "#observe/metrics.ts";

/** Counts answers by their status; gives each back as it is. */
export function countAnswers(metrics: Metrics): (response: Response) => Response {
  const counters = new Map<number, Counter>();
  return (response) => {
    const { status } = response;
    let counter = counters.get(status);
    if (counter === undefined) {
      const labels = { status: String(status) };
      counter = metrics.counter(
        "grandstand_api_requests_total",
        "Requests to the API and the pages, by status.",
        labels,
      );
      counters.set(status, counter);
    }
    counter.add();
    return response;
  };
}
