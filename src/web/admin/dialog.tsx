import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "#web/icons.tsx";

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A modal dialog that is open as long as it is rendered. */
export function Dialog({ title, onClose, children }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    return () => dialog.current?.close();
  }, []);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="dialog-title" onClose={onClose}>
      <div class="dialog-head">
        <h2 id="dialog-title">{title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {children}
    </dialog>
  );
}

interface FormEndProps {
  /** What went wrong, in words; empty: nothing. */
  readonly problem: string;
  readonly isBusy: boolean;
  /** What the button says that sends the form. */
  readonly action: string;
  readonly onClose: () => void;
}

/** The end of a form in a dialog: what went wrong, a way out, and the button that sends it. */
export function FormEnd({ problem, isBusy, action, onClose }: FormEndProps): JSX.Element {
  return (
    <>
      {problem !== "" && (
        <p class="field-problem" role="alert">
          {problem}
        </p>
      )}
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" class="button button-primary" disabled={isBusy}>
          {action}
        </button>
      </div>
    </>
  );
}
