// Stands in for the host while an app is read: nothing may be asked of it then.
function refuse() {
  throw new Error("a tool's file must not call the host when it is loaded, only when a tool runs");
}
export { refuse as http, refuse as log, refuse as now, refuse as random };
