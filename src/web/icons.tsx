import type { JSX } from "preact";

/** Our own icons: 24 px grid, strokes of 2 px, drawn in the colour of the text. */
const PATHS = {
  play: <path d="M7.5 4.8v14.4L19.5 12z" fill="currentColor" stroke-linejoin="round" />,
  pause: <path d="M8.2 5v14M15.8 5v14" stroke-width="3.4" />,
  sound: <path d="M4 9.5v5h3.4L12 18.6V5.4L7.4 9.5zM15.6 9a4.2 4.2 0 0 1 0 6M18.2 6.2a8.2 8.2 0 0 1 0 11.6" />,
  muted: <path d="M4 9.5v5h3.4L12 18.6V5.4L7.4 9.5zM16 9.6l4.8 4.8M20.8 9.6 16 14.4" />,
  settings: (
    <path d="M4 7.5h8.2M18 7.5h2M4 16.5h2M11.8 16.5H20M15 10.2a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4zM9 19.2a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4z" />
  ),
  fullscreen: <path d="M4 9V5h5M15 5h5v4M20 15v4h-5M9 19H4v-4" />,
  smallscreen: <path d="M9 5v4H4M20 9h-5V5M15 19v-4h5M4 15h5v4" />,
  pip: (
    <path d="M20.5 10.5V6.4c0-.8-.6-1.4-1.4-1.4H4.9c-.8 0-1.4.6-1.4 1.4v10.2c0 .8.6 1.4 1.4 1.4h5.2M13.5 13.5h7v5.5h-7z" />
  ),
  theatre: (
    <path d="M3.5 7.4c0-.8.6-1.4 1.4-1.4h14.2c.8 0 1.4.6 1.4 1.4v9.2c0 .8-.6 1.4-1.4 1.4H4.9c-.8 0-1.4-.6-1.4-1.4zM7 14.5h10" />
  ),
  help: <path d="M9.2 9.4a2.9 2.9 0 1 1 4.4 2.5c-1 .6-1.6 1.2-1.6 2.3M12 17.4v.2" />,
  check: <path d="m5.5 12.6 4.2 4.2 8.8-9.4" />,
  close: <path d="m6 6 12 12M18 6 6 18" />,
  copy: <path d="M9 9h10.5v10.5H9zM15 5.5V4.5H4.5V15h1" />,
  link: (
    <path d="M10 14a4 4 0 0 0 5.8.2l3-3a4 4 0 0 0-5.7-5.6l-1 1M14 10a4 4 0 0 0-5.8-.2l-3 3a4 4 0 0 0 5.7 5.6l1-1" />
  ),
  warning: <path d="M12 4.5 21 19.5H3zM12 10v4.2M12 16.8v.2" stroke-linejoin="round" />,
  key: (
    <path d="M14.5 13.5a5 5 0 1 0-4-4L3.5 16.500v4h4v-2.500h2.500v-2.500h2z M16.200 7.700v.1" stroke-linejoin="round" />
  ),
  plus: <path d="M12 5v14M5 12h14" />,
  trash: <path d="M4.500 7h15M9.500 7V4.500h5V7M6.500 7l.8 12.500h9.400L17.500 7M10 11v5M14 11v5" />,
  back: <path d="M14.500 5 8 12l6.500 7" />,
  open: <path d="M13.500 5H19v5.500M19 5l-8 8M17 14v4.500H5.500V7H10" />,
} as const;

export type IconName = keyof typeof PATHS;

/** An icon beside words, or on a button that has a label. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      width="24"
      height="24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      aria-hidden="true"
    >
      {PATHS[name]}
    </svg>
  );
}
