import "uplot/dist/uPlot.min.css";
import "./styles/admin.css";
import { render } from "preact";
import { ControlRoom } from "./admin/control-room.tsx";
import { Room } from "./admin/room.ts";
import type { AdminStreamsAnswer } from "./wire.ts";

const root = document.querySelector<HTMLElement>("#room");
if (root !== null) {
  const answer = JSON.parse(root.dataset["answer"] ?? "{}") as AdminStreamsAnswer;
  const isWide = window.matchMedia("(min-width: 900px)").matches;
  const first = answer.streams.find(({ health }) => health !== null) ?? answer.streams[0];
  // On a wide screen the second pane would otherwise be empty.
  if (isWide && window.location.hash === "" && first !== undefined) {
    window.history.replaceState(null, "", `#${encodeURIComponent(first.name)}`);
  }
  const room = new Room(answer);
  root.textContent = "";
  render(<ControlRoom room={room} />, root);
}
