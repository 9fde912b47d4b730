import type { JSX } from "preact";
import { CopyButton } from "#web/copy-button.tsx";

/** The page's address and the code for a frame on another site. */
export function Share({ stream }: { stream: string }): JSX.Element {
  const { origin } = window.location;
  const name = encodeURIComponent(stream);
  const frame = `<iframe src="${origin}/embed/${name}" width="640" height="360" allow="autoplay; fullscreen; picture-in-picture" allowfullscreen></iframe>`;
  return (
    <>
      <CopyButton text={`${origin}/watch/${name}`} label="Copy link" />
      <CopyButton text={frame} label="Embed code" />
    </>
  );
}
