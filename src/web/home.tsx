import "./styles/home.css";
import { render } from "preact";
import { OnAir } from "./home/on-air.tsx";
import type { LiveStream } from "./wire.ts";

const root = document.querySelector<HTMLElement>("#home");
if (root !== null) {
  const streams = JSON.parse(root.dataset["streams"] ?? "[]") as LiveStream[];
  const ingest = root.dataset["ingest"] ?? "";
  root.textContent = "";
  render(<OnAir first={streams} ingest={ingest} />, root);
}
