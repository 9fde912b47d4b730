import "./styles/embed.css";
import { mountPlayer } from "./player/mount.tsx";

mountPlayer();
