import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { followPoster } from "./poster.ts";

/** Whether the viewer asked for little data. */
function savesData(): boolean {
  return "connection" in navigator && (navigator.connection as { saveData?: boolean }).saveData === true;
}

/** What a stream shows just now, kept new while it is in view. Says nothing to a screen reader: the words beside it do. */
export function Thumbnail({ stream }: { stream: string }): JSX.Element {
  const image = useRef<HTMLImageElement>(null);
  const url = useSignal("");
  useEffect(() => {
    const element = image.current;
    if (element === null) return undefined;
    let stop: (() => void) | undefined;
    const show = (newest: string): void => {
      url.value = newest;
      if (savesData()) stop?.();
    };
    const observer = new IntersectionObserver(([entry]) => {
      stop?.();
      stop = (entry?.isIntersecting ?? false) ? followPoster(stream, show) : undefined;
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      stop?.();
    };
  }, [stream]);
  const isThere = url.value !== "";
  return (
    <img
      ref={image}
      class={`thumbnail ${isThere ? "is-there" : ""}`}
      alt=""
      width="640"
      height="360"
      {...(isThere ? { src: url.value } : {})}
    />
  );
}
