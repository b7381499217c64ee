import "@fontsource-variable/inter/wght.css";
import "./style/tokens.css";
import "./style/page.css";
import { render } from "preact";
import { beginAlerts } from "./state/alerts";
import { begin } from "./state/show";
import { beginStudio } from "./state/studio";
import { App } from "./ui/App";

const root = document.getElementById("app");
if (root) {
  render(<App />, root);
  begin();
  beginAlerts();
  beginStudio();
}
