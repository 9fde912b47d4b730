import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { copyText } from "./copy.ts";
import { Icon } from "./icons.tsx";

/** How long the button says that it is done, milliseconds. */
const SAID_MS = 1_800;

/** Copies a text and says so. */
export function CopyButton({
  text,
  label,
  quiet = false,
}: {
  text: string;
  label: string;
  quiet?: boolean;
}): JSX.Element {
  const said = useSignal("");
  const onCopy = async (): Promise<void> => {
    said.value = (await copyText(text)) ? "Copied" : "Select and copy it by hand";
    window.setTimeout(() => {
      said.value = "";
    }, SAID_MS);
  };
  return (
    <button type="button" class={`button ${quiet ? "button-quiet" : ""}`} onClick={() => void onCopy()}>
      <Icon name={said.value === "Copied" ? "check" : "copy"} />
      <span aria-live="polite">{said.value === "" ? label : said.value}</span>
    </button>
  );
}
