import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { NewKeyAnswer } from "#web/wire.ts";
import { Detail } from "./detail.tsx";
import { Hooks } from "./hooks.tsx";
import { AddStream, NewKey } from "./key-dialogs.tsx";
import { HOOKS_PLACE, type Room } from "./room.ts";
import { StreamList } from "./stream-list.tsx";

/** Two panes: the streams, and the one looked at. On a phone one after the other. */
export function ControlRoom({ room }: { room: Room }): JSX.Element {
  const isAdding = useSignal(false);
  const newKey = useSignal<NewKeyAnswer | undefined>(undefined);
  const shown = room.shown.value;
  const isHooks = room.chosen.value === HOOKS_PLACE;
  const onKey = (answer: NewKeyAnswer): void => {
    isAdding.value = false;
    newKey.value = answer;
    window.location.hash = encodeURIComponent(answer.stream.name);
    void room.read();
  };
  return (
    <div class={`panes ${shown === undefined && !isHooks ? "" : "has-detail"}`}>
      {room.isCut.value && (
        <p class="cut" role="status">
          The server does not answer. Figures stand still; streams on air are not affected by this page.
        </p>
      )}
      <StreamList
        room={room}
        onAdd={() => {
          isAdding.value = true;
        }}
      />
      {isHooks ? (
        <Hooks />
      ) : shown === undefined ? (
        <p class="detail detail-none quiet">
          {room.chosen.value === "" ? "Choose a stream to see how it is doing." : "There is no such stream any more."}
        </p>
      ) : (
        <Detail key={shown.name} room={room} stream={shown} onKey={onKey} />
      )}
      {isAdding.value && (
        <AddStream
          onAdded={onKey}
          onClose={() => {
            isAdding.value = false;
          }}
        />
      )}
      {newKey.value !== undefined && (
        <NewKey
          answer={newKey.value}
          onClose={() => {
            newKey.value = undefined;
          }}
        />
      )}
    </div>
  );
}
