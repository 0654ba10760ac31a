// One Pyodide interpreter in Node, warm, without isolation between calls; then whole processes are timed outside.
// Arguments: the folder of the package, how many calls (0: load, run once, leave).
const [, , folder, count] = process.argv;
const { loadPyodide } = await import(`${folder}/pyodide.mjs`);
const py = await loadPyodide({ stdout: () => {} });
const run = (code) => {
  const began = performance.now();
  py.runPython(code);
  return (performance.now() - began) / 1000;
};
const ECHO = `import json; json.dumps(json.loads('{"text": "hello"}'))`;
const WORK = `import json; json.dumps(sum(range(10000)) + len(json.loads('{"text": "hello"}')))`;
run(WORK);
const many = (code) => Array.from({ length: Number(count) }, () => run(code));
console.log(JSON.stringify({ echo: many(ECHO), work: many(WORK) }));
