import { type Signal, signal } from "@preact/signals";

/** iPhones put the video alone on the whole screen, by a name of their own. */
type PhoneVideo = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** Whether something fills the screen. */
export const isFullscreen: Signal<boolean> = signal(false);

document.addEventListener("fullscreenchange", () => {
  isFullscreen.value = document.fullscreenElement !== null;
});

/** Fills the screen with the stage and its controls, or gives it back. */
export function toggleFullscreen(stage: HTMLElement, video: HTMLVideoElement): void {
  if (document.fullscreenElement !== null) void document.exitFullscreen();
  else if (document.fullscreenEnabled) void stage.requestFullscreen().catch(() => undefined);
  else (video as PhoneVideo).webkitEnterFullscreen?.();
}

/** Whether this browser can keep the picture above other windows. */
export function hasPictureInPicture(): boolean {
  return "pictureInPictureEnabled" in document && document.pictureInPictureEnabled;
}

/** Takes the picture out of the page, or back. */
export function togglePictureInPicture(video: HTMLVideoElement): void {
  if (document.pictureInPictureElement !== null) void document.exitPictureInPicture();
  else if (hasPictureInPicture() && video.readyState > 0) void video.requestPictureInPicture().catch(() => undefined);
}
