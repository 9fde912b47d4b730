// Pushes one encoded file over N connections in real time, again and again: the load of `bench/ingest.ts`, in a process of its own so that it
// can be pinned. Arguments: the RTMP base URL, the number of streams, the file. Stream i has the key `load-key-<i>-0123456789abcdef`.
import { startPublisher } from "#publish/index.ts";
import { silentObserver } from "#observe/event.ts";
import { systemClock } from "#time/system-clock.ts";

const [base = "", count = "1", path = ""] = process.argv.slice(2);
const publisher = await startPublisher({
  source: { kind: "file", path, loop: true },
  urls: Array.from({ length: Number(count) }, (_, i) => `${base}/load-key-${i}-0123456789abcdef`),
  observer: silentObserver,
  clock: systemClock,
});
process.once("SIGTERM", () => void publisher.close());
await publisher.closed;
