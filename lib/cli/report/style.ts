/** All colours keep a contrast of 4.5 to their ground in both schemes, and none tells what words do not. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #fff; --panel: #f4f5f7; --ink: #1b1f24; --soft: #545b64; --line: #c9ced6;
  --bar: #3568b8; --late: #b3261e; --some: #8a5a00; --good: #1a6b33;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --panel: #1e2329; --ink: #e8eaed; --soft: #aab2bd; --line: #3d454f;
    --bar: #7aa7f0; --late: #ff8a80; --some: #f2c14e; --good: #7fd394;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1.05rem; margin: 0; display: inline; }
h4 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { margin: .25rem 0; }
a { color: var(--bar); }
:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; }
.soft { color: var(--soft); }
.state { font-weight: 600; }
.running { color: var(--good); }
.stalled, .dead, .unusable { color: var(--late); }
.starting { color: var(--some); }
.stopped, .left-over { color: var(--soft); }
.scrolls { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
.scrolls table { overflow-wrap: normal; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; }
th, td { text-align: left; padding: .2rem .75rem .2rem 0; vertical-align: top; font-variant-numeric: tabular-nums; }
thead th, thead td { border-bottom: 1px solid var(--line); }
.number { text-align: right; white-space: nowrap; }
.cycles th { white-space: nowrap; width: 1%; }
.cycles tbody th { font-weight: 400; }
.cycles td:nth-child(2) { width: 60%; min-width: 4rem; }
.cycles td:last-child { white-space: nowrap; width: 1%; padding-right: 0; }
svg { display: block; width: 100%; height: 1.1rem; margin-top: .2rem; fill: var(--bar); }
.late-all { color: var(--late); }
.late-some { color: var(--some); }
.late-all svg, .late-some svg { fill: currentColor; }
details { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: 0 1rem; }
details[open] { padding-bottom: 1rem; }
summary { cursor: pointer; padding: .75rem 0; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .5rem 1rem; margin: .5rem 0 1rem; }
dt { color: var(--soft); font-size: .875rem; }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
ol { margin: .25rem 0; padding-left: 1.5rem; }
code { font-family: ui-monospace, monospace; font-size: .9rem; }
@media (max-width: 30rem) {
  body { padding: .75rem; }
  details { padding: 0 .75rem; }
  th, td { padding-right: .4rem; }
  .cycles { font-size: .875rem; }
  .cycles td:nth-child(2) { min-width: 2.5rem; }
  dl { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media print { details { break-inside: avoid; } }
`
