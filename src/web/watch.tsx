import "./styles/watch.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { mountPlayer } from "./player/mount.tsx";
import { Share } from "./watch/share.tsx";
import { StatusLine } from "./watch/status-line.tsx";

const player = mountPlayer({ theatre: () => document.body.classList.toggle("is-theatre") });

if (player !== undefined) {
  const status = document.querySelector("#status");
  if (status !== null) {
    status.textContent = "";
    render(<StatusLine player={player} />, status);
  }
  const share = document.querySelector("#share");
  if (share !== null) render(<Share stream={player.stream.value.name} />, share);
  effect(() => {
    const { title, name } = player.stream.value;
    const heading = document.querySelector("h1");
    if (heading !== null && heading.textContent !== (title || name)) heading.textContent = title || name;
  });
}
