// What a JavaScript toolbox is built from: the author's app, which registers its tools, and the world's export.
import "ironclaw-app";

export { run } from "ironclaw";
