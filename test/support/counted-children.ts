// Runs before each test file (`setupFiles`). Where coverage is measured, Node.js hands NODE_V8_COVERAGE on to each child,
// also to those with an environment of their own. This process must not start with it: vitest counts what runs here.
const folder = process.env['SHM_LIVENESS_CHILD_COVERAGE']
if (folder !== undefined) process.env['NODE_V8_COVERAGE'] = folder
