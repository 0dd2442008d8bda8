// The page begins here.
import { render } from "preact";
import { App } from "./app";
import "./design/tokens.css";
import "./design/base.css";
import "./design/parts.css";
import { applyTheme } from "./ui/theme";

applyTheme();
render(<App />, document.getElementById("root")!);
