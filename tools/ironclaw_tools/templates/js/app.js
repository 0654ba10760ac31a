// The tools of NAME.
import { boolean, InvalidInput, string, tool } from "ironclaw";

tool(
  "NAME.greet",
  "Greet somebody by name.",
  {
    name: string("whom to greet"),
    loudly: boolean("whether to end with an exclamation mark", { default: false }),
  },
  ({ name, loudly }) => {
    if (!name.trim()) throw new InvalidInput("name is empty");
    return `Hello, ${name}${loudly ? "!" : "."}`;
  },
);
