// Prints what an app says of its tools, when it is built; never inside a component.
import "ironclaw-app";
import { describe } from "ironclaw";

process.stdout.write(JSON.stringify(describe()));
