// A server of Node alone, as plain.py.
import readline from "node:readline";

const hello = {name: "hello", description: "Say hello.", inputSchema: {type: "object", properties: {}}};
const answers = {
  "initialize": ({protocolVersion}) => ({protocolVersion, capabilities: {tools: {}}, serverInfo: {name: "plain", version: "1"}}),
  "tools/list": () => ({tools: [hello]}),
};

readline.createInterface({input: process.stdin}).on("line", (line) => {
  const {id, method, params} = JSON.parse(line);
  if (id === undefined) return;
  const answer = answers[method];
  const said = answer ? {result: answer(params)} : {error: {code: -32601, message: "no"}};
  process.stdout.write(JSON.stringify({jsonrpc: "2.0", id, ...said}) + "\n");
});
