import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { drawStill } from "./still.ts";

/** How often a card in view is drawn anew, milliseconds. */
const DRAW_EVERY_MS = 20_000;

/** Whether the viewer asked for little data. */
function savesData(): boolean {
  return "connection" in navigator && (navigator.connection as { saveData?: boolean }).saveData === true;
}

/** What the stream shows just now, while the card is in view. */
export function Preview({ stream }: { stream: string }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const isThere = useSignal(false);
  useEffect(() => {
    const element = canvas.current;
    if (element === null || savesData()) return undefined;
    let isInView = false;
    const draw = async (): Promise<void> => {
      if (isInView && !document.hidden && (await drawStill(stream, element))) isThere.value = true;
    };
    const observer = new IntersectionObserver(([entry]) => {
      isInView = entry?.isIntersecting ?? false;
      if (!isThere.value) void draw();
    });
    observer.observe(element);
    const timer = window.setInterval(() => void draw(), DRAW_EVERY_MS);
    return () => {
      observer.disconnect();
      window.clearInterval(timer);
    };
  }, [stream]);
  return <canvas ref={canvas} class={`card-preview ${isThere.value ? "is-there" : ""}`} aria-hidden="true" />;
}
